import assert from "node:assert/strict";
import { test } from "node:test";
import { best, score } from "./match";

const found = (all: string[], typed: string, most = 10) => best(all, typed, (one) => one, most);

test("letters in order are enough, a missing one is not", () => {
  assert.notEqual(score("training-node-7", "tn7"), undefined);
  assert.equal(score("training-node-7", "tnx"), undefined);
  assert.equal(score("dev", "ved"), undefined);
});

test("starts of words come before letters in between, whole words before scattered ones", () => {
  assert.deepEqual(found(["sandstone", "stop dev", "Stone"], "st")[0], "Stone");
  assert.deepEqual(found(["big-data-lab", "badlands"], "bdl"), ["big-data-lab", "badlands"]);
  assert.deepEqual(found(["d-e-v", "my dev", "dev"], "dev"), ["dev", "my dev", "d-e-v"]);
});

test("words come in any order", () => {
  assert.deepEqual(found(["Stop dev", "Start dev", "Stop lab"], "dev stop"), ["Stop dev"]);
});

test("with nothing typed all are there in their order, and never more than asked for", () => {
  assert.deepEqual(found(["c", "a", "b"], " ", 2), ["c", "a"]);
  assert.equal(found(Array.from({ length: 50 }, () => "aaa"), "a", 5).length, 5);
});

test("of what fits alike the one with a lead comes first", () => {
  assert.deepEqual(best(["Start lab", "lab on a node"], "lab", (one) => one, 2, (one) => (one.startsWith("lab") ? 3 : 0)), ["lab on a node", "Start lab"]);
});

test("a long text of one letter takes no longer than its square", () => {
  assert.equal(score("a".repeat(250), `${"a".repeat(249)}b`), undefined);
});
