import assert from "node:assert/strict";
import { test } from "node:test";
import { share } from "./meter";

test("a bar is never longer than its frame, and empty where there is nothing to take", () => {
  assert.deepEqual([share(1, 4), share(9, 4), share(-1, 4), share(1, 0), share(NaN, 4)], [0.25, 1, 0, 0, 0]);
});
