/**
 * Names that show what they are. A name may hold anything but a slash: line ends, marks that turn the order of letters
 * round, letters that cannot be seen, bytes that are not UTF-8. All of these are written out. Pure.
 */

// Controls, marks of direction, invisible letters and fillers, other blanks than " ", variation selectors, tags,
// halves of pairs, and the bytes of a name that is not UTF-8 (U+DC80 to U+DCFF).
const HIDDEN =
  /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/gu;
const KNOWN: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** The name in pieces: letters as they are, and what was written out, which is to look different. */
export function pieces(name: string): [text: string, isWrittenOut: boolean][] {
  const found: [string, boolean][] = [];
  const add = (text: string, isWrittenOut: boolean) => {
    const last = found.at(-1);
    if (last && last[1] === isWrittenOut) last[0] += text;
    else if (text) found.push([text, isWrittenOut]);
  };
  const [, before = "", inner = "", after = ""] = /^( *)(.*?)( *)$/s.exec(name) ?? []; // blanks at an end are not seen either
  add("\\x20".repeat(before.length), true);
  let at = 0;
  for (const hidden of inner.matchAll(HIDDEN)) {
    add(inner.slice(at, hidden.index), false);
    add(writtenOut(hidden[0]), true);
    at = hidden.index + hidden[0].length;
  }
  add(inner.slice(at), false);
  add("\\x20".repeat(after.length), true);
  return found;
}

/** The same as one text, for where nothing can look different. */
export function shown(name: string): string {
  return pieces(name).map(([text]) => text).join("");
}

/** Whether it can be part of a URL, and be typed: a name that is not UTF-8 cannot. */
export function isText(name: string): boolean {
  return !/[\ud800-\udfff]/u.test(name);
}

/** A name for the disk of the visitor's machine, whatever it is called in the VPS. */
export function localName(name: string): string {
  const plain = name.replace(HIDDEN, "_").replace(/[\\/:*?"<>|]/g, "_").replace(/^\.+$/, "_");
  return plain.slice(0, 200) || "file";
}

function writtenOut(letter: string): string {
  const known = KNOWN[letter];
  if (known) return known;
  const code = letter.codePointAt(0) ?? 0;
  if (code >= 0xdc80 && code <= 0xdcff) return `\\x${(code - 0xdc00).toString(16)}`;
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${code.toString(16).padStart(4, "0")}` : `\\u{${code.toString(16)}}`;
}
