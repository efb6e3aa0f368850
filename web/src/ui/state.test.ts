import assert from "node:assert/strict";
import { test } from "node:test";
import { lookOf } from "./state";

const WORDS = ["pending", "assigning", "running", "paused", "stopped", "lost", "terminating"];

test("each state of a VPS has a shape of its own", () => {
  assert.equal(new Set(WORDS.map((word) => lookOf(word).path)).size, WORDS.length);
});

test("a node with an order or a trouble does not look like one without", () => {
  assert.equal(lookOf("Ready").tone, "good");
  assert.equal(lookOf("Ready,Cordoned").tone, "warn");
  assert.notEqual(lookOf("Ready,Cordoned").path, lookOf("Ready").path);
  assert.equal(lookOf("NotReady,Cordoned").tone, "bad");
});

test("a word that this page does not know yet is shown all the same", () => {
  assert.equal(lookOf("dreaming").tone, "idle");
  assert.equal(lookOf("constructor").tone, "idle");
});
