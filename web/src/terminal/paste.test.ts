import assert from "node:assert/strict";
import { test } from "node:test";
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
