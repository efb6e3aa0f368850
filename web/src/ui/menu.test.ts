import assert from "node:assert/strict";
import { test } from "node:test";
import { beginning, turned } from "./menu";

const ITEMS = [{ text: "Start" }, { text: "Stop" }, { text: "Delete" }];

test("the arrows go round in a ring", () => {
  assert.deepEqual([turned(0, -1, 3), turned(2, 1, 3), turned(-1, 1, 3), turned(0, 1, 0)], [2, 0, 0, -1]);
});

test("a letter goes to the next item that begins with it", () => {
  assert.deepEqual(
    [beginning(ITEMS, "s", 0), beginning(ITEMS, "S", 1), beginning(ITEMS, "d", -1), beginning(ITEMS, "x", 0)],
    [1, 0, 2, -1],
  );
});
