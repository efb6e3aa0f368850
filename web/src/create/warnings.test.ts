import assert from "node:assert/strict";
import { test } from "node:test";
import { warningsOf } from "./warnings";

test("each warning is a text, quotes in it too, and the same one stands there once", () => {
  assert.deepEqual(warningsOf('299 - "unknown field \\"spec.x\\", it is dropped", 299 - "b", 299 - "b"'), ['unknown field "spec.x", it is dropped', "b"]);
  assert.deepEqual(warningsOf(null), []);
  assert.deepEqual(warningsOf("nonsense"), []);
});
