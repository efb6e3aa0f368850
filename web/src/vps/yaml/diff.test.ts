import assert from "node:assert/strict";
import { test } from "node:test";
import { differences } from "./diff";

const text = (...lines: string[]) => lines.map((line) => `${line}\n`).join("");

test("equal texts have no difference", () => {
  assert.deepEqual(differences(text("a", "b"), text("a", "b")), []);
});

test("a changed line goes and comes among its neighbours", () => {
  const before = text("1", "2", "3", "4", "5", "6", "7", "8", "9");
  const after = text("1", "2", "3", "4", "five", "6", "7", "8", "9");
  assert.deepEqual(
    differences(before, after).map((row) => `${row.kind} ${row.text}`),
    [
      "gap 1 line is the same", "same 2", "same 3", "same 4", "less 5", "more five", "same 6", "same 7", "same 8", "gap 1 line is the same",
    ],
  );
});

test("lines that only come, or only go", () => {
  assert.deepEqual(
    differences("", text("a")).map((row) => row.kind),
    ["more"],
  );
  assert.deepEqual(
    differences(text("a", "b"), text("b")).map((row) => `${row.kind} ${row.text}`),
    ["less a", "same b"],
  );
});

test("more different lines than there are letters below the surrogates", () => {
  const many = Array.from({ length: 56_000 }, (_, n) => `line ${n}`);
  const rows = differences(text(...many), text(...many, "more"));
  assert.deepEqual(
    rows.map((row) => row.kind),
    ["gap", "same", "same", "same", "more"],
  );
});
