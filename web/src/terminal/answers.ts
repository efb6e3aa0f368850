/** What a terminal answers by itself to the queries of programs, told from what a person types. Pure. */

// Where the cursor stands (R), what it is (c), its state (n), its size (t), a mode (y), its focus (I, O); colours and settings (OSC, DCS).
// eslint-disable-next-line no-control-regex
const ANSWER = /^\x1b(\[[?>=]?[\d;]*\$?[Rcnty]|\[[IO]|[\]P])/;

export function isAnswer(data: string): boolean {
  return ANSWER.test(data);
}
