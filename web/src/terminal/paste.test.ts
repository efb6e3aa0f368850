import assert from "node:assert/strict";
import { test } from "node:test";
import { isAnswer } from "./answers";
import { linkOf } from "./browser";
import { cleaned, lineCount, preview } from "./paste";

test("what is pasted cannot end its own brackets, nor hold any other control character", () => {
  assert.equal(cleaned("echo a\u001b[201~rm -rf /\u009b201~\u0003"), "echo a[201~rm -rf /201~");
  assert.equal(cleaned("a\r\nb\rc\td\ne\u007f"), "a\nb\nc\td\ne");
  assert.equal(cleaned("ähm 漢字 🙂"), "ähm 漢字 🙂");
});

test("lines are counted as a person counts them", () => {
  assert.deepEqual(["", "a", "a\n", "a\nb", "a\n\n"].map(lineCount), [0, 1, 1, 2, 2]);
});

test("a long paste is shown by its beginning", () => {
  const shown = preview(Array.from({ length: 100 }, (_, index) => `line ${index}`).join("\n") + "\n");
  assert.equal(shown.more, 60);
  assert.ok(shown.text.startsWith("line 0\nline 1") && shown.text.endsWith("line 39"));
  assert.equal(preview("x".repeat(10_000)).text.length, 4001);
});

test("only links to pages are opened", () => {
  assert.equal(linkOf("https://example.org/a b"), "https://example.org/a%20b");
  for (const bad of ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "vscode://x", "nonsense", ""]) {
    assert.equal(linkOf(bad), undefined, bad);
  }
});

test("what a terminal answers by itself is nothing that somebody typed", () => {
  const answers = ["\u001b[12;40R", "\u001b[?1;2c", "\u001b[>0;276;0c", "\u001b[0n", "\u001b]11;rgb:1e/1e/1e\u0007", "\u001bP1$r0m\u001b\\", "\u001b[I", "\u001b[?2026;2$y"];
  for (const answer of answers) assert.equal(isAnswer(answer), true, JSON.stringify(answer));
  for (const typed of ["a", "\u001b", "\u001b[A", "\u001bOA", "\u001b[1;5C", "\r", "\u001b[200~x\u001b[201~", "\u001b[3~", "\u001bb"]) {
    assert.equal(isAnswer(typed), false, JSON.stringify(typed));
  }
});
