import assert from "node:assert/strict";
import test from "node:test";
import { type KObject } from "../api/objects";
import { queueOf } from "./queue";

type Json = Record<string, any>;

function aVPS(name: string, created: string, status: Json = {}, spec: Json = {}): KObject {
  const creationTimestamp = `2026-01-01T00:00:${created}Z`;
  return { metadata: { name, namespace: "default", creationTimestamp }, spec, status: { phase: "pending", ...status } };
}

const shown = (all: KObject[]) => queueOf(all).map((one) => [one.vps.metadata.name, one.on, one.place]);

test("the queue goes by priority, then by age", () => {
  const all = [aVPS("young", "09"), aVPS("old", "01"), aVPS("first", "30", {}, { priority: 10 }), aVPS("last", "00", {}, { priority: -1 })];
  assert.deepEqual(shown(all), [["first", "node", 1], ["old", "node", 2], ["young", "node", 3], ["last", "node", 4]]);
});

test("who has a node, runs, or is being deleted stands in no queue", () => {
  const gone = aVPS("gone", "01");
  gone.metadata.deletionTimestamp = "2026-01-01T00:00:00Z";
  const all = [gone, aVPS("runs", "02", { phase: "running" }), aVPS("files", "03", { assignment: { node: "n1" } }), aVPS("waits", "04")];
  assert.deepEqual(shown(all), [["waits", "node", 1], ["files", "files", 0]]);
});

test("who waits in vain has no place, and comes last", () => {
  const all = [aVPS("vain", "01", { reason: "NeverFits", message: "too big" }), aVPS("waits", "04", { reason: "Unschedulable" })];
  assert.deepEqual(shown(all), [["waits", "node", 1], ["vain", "vain", 0]]);
});

test("each says why it waits, and since when", () => {
  const conditions = [{ type: "Scheduled", status: "False", lastTransitionTime: "2026-01-01T00:05:00Z" }];
  const [one] = queueOf([aVPS("a", "01", { message: "0 of 3 nodes fit", conditions })]);
  assert.deepEqual([one?.why, one?.since], ["0 of 3 nodes fit", "2026-01-01T00:05:00Z"]);
  const [new_] = queueOf([aVPS("b", "01")]);
  assert.deepEqual([new_?.why, new_?.since], ["it has not been looked at yet", "2026-01-01T00:00:01Z"]);
});

test("nonsense waits like anything else", () => {
  for (const nonsense of [null, 7, "x", [], {}]) {
    queueOf([{ metadata: { name: "a" }, spec: nonsense, status: nonsense }, aVPS("b", "01", { reason: nonsense, message: nonsense, conditions: nonsense })]);
  }
});
