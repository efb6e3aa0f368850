/** How well a text fits what somebody types: its letters in order, best at the starts of words. Pure. */

const START = 8; // a letter at the start of a word
const NEXT = 8; // a letter right after the last one
const WHOLE = 4; // all of them together
const SKIPPED = 0.15; // each letter that is passed over

/** The higher the better; undefined where a letter is missing. Words may come in any order. */
export function score(text: string, typed: string): number | undefined {
  const where = text.toLowerCase();
  let sum = 0;
  for (const word of typed.toLowerCase().split(/\s+/).filter(Boolean)) {
    const found = ofWord(where, word);
    if (found === undefined) return undefined;
    sum += found;
  }
  return sum - where.length * 0.02;
}

function ofWord(text: string, word: string): number | undefined {
  const whole = text.indexOf(word);
  let best = whole < 0 ? undefined : WHOLE + word.length * NEXT + (isStart(text, whole) ? START : 0) - whole * SKIPPED * 0.2;
  // From each place where its first letter is: the first way through is not always the best.
  for (let from = text.indexOf(word[0] ?? ""); from >= 0; from = text.indexOf(word[0] ?? "", from + 1)) {
    const found = pathFrom(text, word, from);
    if (found === undefined) break;
    if (best === undefined || found > best) best = found;
  }
  return best;
}

function pathFrom(text: string, word: string, from: number): number | undefined {
  let sum = isStart(text, from) ? START : 0;
  let at = from;
  for (let letter = 1; letter < word.length; letter++) {
    const next = text.indexOf(word[letter] ?? "", at + 1);
    if (next < 0) return undefined;
    sum += next === at + 1 ? NEXT : isStart(text, next) ? START : -(next - at) * SKIPPED;
    at = next;
  }
  return sum;
}

function isStart(text: string, at: number): boolean {
  return at === 0 || !/[a-z0-9]/.test(text[at - 1] ?? "");
}

/** The best of them, best first; all in their own order where nothing is typed. `lead` are points that some have beforehand. */
export function best<T>(all: Iterable<T>, typed: string, textOf: (one: T) => string, most: number, lead: (one: T) => number = () => 0): T[] {
  if (!typed.trim()) return [...all].slice(0, most);
  const found: { one: T; points: number; order: number }[] = [];
  let order = 0;
  for (const one of all) {
    const points = score(textOf(one), typed);
    if (points !== undefined) found.push({ one, points: points + lead(one), order: order++ });
  }
  return found.sort((a, b) => b.points - a.points || a.order - b.order).slice(0, most).map(({ one }) => one);
}
