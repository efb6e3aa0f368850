/** What may be pasted, and of what is asked first. Pure. */

/** Lines above which is asked first. */
export const ASK_ABOVE = 5;
const SHOWN_LINES = 40;
const SHOWN_CHARACTERS = 4000;

/**
 * The text without control characters: an ESC in what was copied from a page could end the brackets by which a program
 * tells a paste from typing, and type the rest.
 */
export function cleaned(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/\r\n?/g, "\n").replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "");
}

/** Lines that it has; an end of line at its end begins no other. */
export function lineCount(text: string): number {
  return text === "" ? 0 : text.replace(/\n$/, "").split("\n").length;
}

export interface Preview {
  text: string;
  /** Lines that are not in it. */
  more: number;
}

/** Its beginning, for who is asked. */
export function preview(text: string): Preview {
  const lines = text.replace(/\n$/, "").split("\n");
  const shown = lines.slice(0, SHOWN_LINES);
  const cut = shown.join("\n");
  const isLong = cut.length > SHOWN_CHARACTERS;
  return { text: isLong ? `${cut.slice(0, SHOWN_CHARACTERS)}…` : cut, more: lines.length - shown.length };
}
