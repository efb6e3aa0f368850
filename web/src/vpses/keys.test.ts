import assert from "node:assert/strict";
import { test } from "node:test";
import { type Keys, pressed } from "./keys";

function played(key: string, { busy = false, ctrlKey = false } = {}): string[] {
  const said: string[] = [];
  const keys: Keys = {
    move: (by) => said.push(`move ${by}`),
    row: (which) => said.push(`row ${which}`),
    find: () => said.push("find"),
    help: () => said.push("help"),
    create: () => said.push("create"),
  };
  const heard = pressed({ key, ctrlKey, metaKey: false, altKey: false }, busy, keys);
  assert.equal(heard, said.length > 0);
  return said;
}

test("letters move, act and find", () => {
  assert.deepEqual(["j", "ArrowUp", "s", "/", "?", "n"].flatMap((key) => played(key)), ["move 1", "move -1", "row s", "find", "help", "create"]);
});

test("keys that mean something else are left alone", () => {
  assert.deepEqual(played("d", { busy: true }), []);
  assert.deepEqual(played("r", { ctrlKey: true }), []);
  assert.deepEqual(["F5", "Tab", "Enter", "z", ""].flatMap((key) => played(key)), []);
});
