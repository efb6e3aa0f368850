/**
 * The text of a file, and the bytes that it came from: whatever is opened for editing goes back byte for byte where nobody
 * touched it. Pure.
 */

/** The most bytes that are opened in the editor. */
export const EDITABLE = 2_000_000;

export type LineEnd = "\n" | "\r\n";

/** How the text stands in its file. */
export interface Form {
  hasBom: boolean;
  /** "\r\n" where all of its lines end so; else "\n", and any "\r" is a letter like others. */
  lineEnd: LineEnd;
}

export const PLAIN: Form = { hasBom: false, lineEnd: "\n" };

export interface Text extends Form {
  /** With "\n" at the line ends. */
  text: string;
  /** What is not as one would expect, in words: mixed line ends, no newline at the end. */
  notes: string[];
}

/** Why it cannot be edited: `readOnly` has what can be shown all the same. */
export interface NotEditable {
  why: string;
  readOnly?: string;
}

/** What is in a file of so many bytes, of which `data` is the beginning, or all. */
export function textOf(data: Uint8Array, size = data.length): Text | NotEditable {
  if (data.includes(0)) return { why: "it is a binary file" };
  if (size > EDITABLE) return { why: `it is larger than ${EDITABLE / 1_000_000} MB` };
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
  } catch {
    const readOnly = new TextDecoder().decode(data).replaceAll("\r\n", "\n");
    return { why: "it is not UTF-8: it can be read here, but not saved without a loss", readOnly };
  }
  const hasBom = text.startsWith("\ufeff");
  if (hasBom) text = text.slice(1);
  const all = count(text, "\n");
  const both = count(text, "\r\n");
  const lineEnd: LineEnd = all > 0 && all === both ? "\r\n" : "\n";
  if (lineEnd === "\r\n") text = text.replaceAll("\r\n", "\n");
  const notes: string[] = [];
  if (both > 0 && both < all) notes.push(`mixed line ends: ${both} of ${all} are CRLF`);
  if (text && !text.endsWith("\n")) notes.push("no newline at the end");
  return { text, hasBom, lineEnd, notes };
}

export function isText(found: Text | NotEditable): found is Text {
  return "text" in found;
}

/** The bytes of a text in its form: what `textOf` was given, where the text is the same. */
export function bytesOf(text: string, form: Form): Uint8Array<ArrayBuffer> {
  const lines = form.lineEnd === "\r\n" ? text.replaceAll("\n", "\r\n") : text;
  return new TextEncoder().encode(form.hasBom ? `\ufeff${lines}` : lines);
}

/** What is pasted, with line ends as the editor has them. */
export function pasted(text: string): string {
  return text.replace(/\r\n?/g, "\n");
}

/** One step of indentation, as the text has it: a tab, or so many blanks. */
export function indentOf(text: string, name = ""): string {
  if (/^(gnu)?makefile$|\.(mk|go)$/i.test(name)) return "\t";
  let tabs = 0;
  let previous = 0;
  const steps = new Map<number, number>();
  for (const line of text.split("\n", 2000)) {
    if (line.startsWith("\t")) tabs++;
    const blanks = /^ *(?=[^\s*])/.exec(line)?.[0].length;
    if (blanks === undefined) continue;
    const step = Math.abs(blanks - previous);
    if (step >= 2 && step <= 8) steps.set(step, (steps.get(step) ?? 0) + 1);
    previous = blanks;
  }
  const [best, times] = [...steps].sort(([a, m], [b, n]) => n - m || a - b)[0] ?? [0, 0];
  if (tabs > times) return "\t";
  if (best) return " ".repeat(best);
  return /\.(ya?ml|json|jsx?|tsx?|html?|css|md)$/i.test(name) ? "  " : "    ";
}

function count(text: string, what: string): number {
  let found = 0;
  for (let at = text.indexOf(what); at >= 0; at = text.indexOf(what, at + what.length)) found++;
  return found;
}
