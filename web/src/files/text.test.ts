import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesOf, EDITABLE, indentOf, isText, pasted, type Text, textOf } from "./text";

const encode = (text: string) => new TextEncoder().encode(text);
const opened = (bytes: Uint8Array): Text => {
  const found = textOf(bytes);
  assert.ok(isText(found));
  return found;
};

test("what nobody touched goes back byte for byte, whatever its line ends", () => {
  const texts = [
    "", "\n", "a", "a\n", "a\nb", "\r\n", "a\r\n", "a\r\nb", "a\r\nb\n", "a\nb\r\n", "\r", "a\rb\r", "a\r\r\nb\r\n", "\r\r\n", "\n\r",
    "a\r\nb\rc\r\n", "\ufeffa\n", "\ufeff", "\ufeff\ufeffa\r\n", "a\u2028b\u0085c\x0bd\x0c\n", "ß漢😀\r\n", "\u202eevil\n", "\x1b[31m\n",
  ];
  for (const text of texts) {
    const bytes = encode(text);
    const found = opened(bytes);
    assert.deepEqual([...bytesOf(found.text, found)], [...bytes], JSON.stringify(text));
  }
});

test("the editor gets lines that end as it knows them, and the file keeps its own", () => {
  const found = opened(encode("\ufeffone\r\ntwo\r\n"));
  assert.deepEqual([found.text, found.lineEnd, found.hasBom], ["one\ntwo\n", "\r\n", true]);
  assert.deepEqual([...bytesOf("one\nthree\n", found)], [...encode("\ufeffone\r\nthree\r\n")]);
});

test("mixed line ends and a missing last one are told", () => {
  assert.deepEqual(opened(encode("a\r\nb\nc")).notes, ["mixed line ends: 1 of 2 are CRLF", "no newline at the end"]);
  assert.deepEqual(opened(encode("a\r\nb\r\n")).notes, []);
  assert.deepEqual(opened(encode("")).notes, []);
});

test("what would not come back as it was is not opened for editing, and why is said", () => {
  const latin = Uint8Array.of(0x67, 0x72, 0xfc, 0xdf, 0x0d, 0x0a);
  const cases: [Uint8Array, number, string, string | undefined][] = [
    [Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 0), 5, "it is a binary file", undefined],
    [encode("a"), EDITABLE + 1, "it is larger than 2 MB", undefined],
    [latin, 6, "it is not UTF-8: it can be read here, but not saved without a loss", "gr\ufffd\ufffd\n"],
    [Uint8Array.of(0xed, 0xa0, 0x80), 3, "it is not UTF-8: it can be read here, but not saved without a loss", "\ufffd\ufffd\ufffd"],
  ];
  for (const [bytes, size, why, readOnly] of cases) {
    const found = textOf(bytes, size);
    assert.ok(!isText(found));
    assert.deepEqual([found.why, found.readOnly], [why, readOnly]);
  }
  assert.ok(isText(textOf(new Uint8Array(EDITABLE).fill(97))));
});

test("what is pasted gets the editor's line ends", () => {
  assert.equal(pasted("a\r\nb\rc\n"), "a\nb\nc\n");
});

test("the indentation is that of the text", () => {
  const cases: [string, string, string][] = [
    ["def f():\n    if x:\n        y\n", "a.py", "    "],
    ["a:\n  b:\n    c: 1\n", "a.txt", "  "],
    ["f {\n\tx\n\ty\n}\n", "a.c", "\t"],
    ["all:\n", "Makefile", "\t"],
    ["", "a.yaml", "  "],
    ["", "a.py", "    "],
    ["/**\n * a\n * b\n */\nf() {\n  a;\n  b {\n    c;\n  }\n}\n", "a.ts", "  "],
  ];
  for (const [text, name, indent] of cases) assert.equal(indentOf(text, name), indent, JSON.stringify(text));
});
