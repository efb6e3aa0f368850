/** The difference of two texts, line by line. Pure. */
import { diff } from "@codemirror/merge";

export interface Row {
  readonly kind: "same" | "less" | "more" | "gap";
  readonly text: string;
}

const AROUND = 3; // lines that are the same and shown around a change
const FIRST = 0x100; // of the characters that stand for lines
const SURROGATES = [0xd800, 0xe000] as const;

/** The lines that went and came, each with its neighbours; empty where the texts are equal. */
export function differences(before: string, after: string): Row[] {
  const old = linesOf(before);
  const fresh = linesOf(after);
  const letters = new Map<string, string>();
  const letter = (line: string) => {
    let found = letters.get(line);
    if (!found) {
      const code = FIRST + letters.size;
      found = String.fromCharCode(code < SURROGATES[0] ? code : code + SURROGATES[1] - SURROGATES[0]);
      letters.set(line, found);
    }
    return found;
  };
  const changes = diff(old.map(letter).join(""), fresh.map(letter).join(""));
  const rows: Row[] = [];
  let at = 0;
  for (const change of changes) {
    for (const text of old.slice(at, change.fromA)) rows.push({ kind: "same", text });
    for (const text of old.slice(change.fromA, change.toA)) rows.push({ kind: "less", text });
    for (const text of fresh.slice(change.fromB, change.toB)) rows.push({ kind: "more", text });
    at = change.toA;
  }
  for (const text of old.slice(at)) rows.push({ kind: "same", text });
  return shortened(rows);
}

function linesOf(text: string): string[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/** Without what is far from any change. */
function shortened(rows: readonly Row[]): Row[] {
  const isNear = rows.map(() => false);
  rows.forEach((row, at) => {
    if (row.kind !== "same") isNear.fill(true, Math.max(0, at - AROUND), at + AROUND + 1);
  });
  const found: Row[] = [];
  let left = 0;
  const gap = () => {
    if (left > 0) found.push({ kind: "gap", text: left === 1 ? "1 line is the same" : `${left} lines are the same` });
    left = 0;
  };
  rows.forEach((row, at) => {
    if (!isNear[at]) return void left++;
    gap();
    found.push(row);
  });
  if (found.length > 0) gap();
  return found;
}
