import assert from "node:assert/strict";
import { test } from "node:test";
import { arriving } from "./arriving";

test("what did not arrive is tried again, and after three tries its error is told", async () => {
  const waits: number[] = [];
  const wait = async (ms: number) => void waits.push(ms);
  let failures = 2;
  const load = async () => (failures-- > 0 ? Promise.reject(new Error("lost")) : "here");
  assert.equal(await arriving(load, wait), "here");
  failures = 9;
  await assert.rejects(arriving(load, wait), /lost/);
  assert.deepEqual([waits, failures], [[300, 1500, 300, 1500], 6]);
});

test("what no other try would help is told at once", async () => {
  let tries = 0;
  const load = async () => Promise.reject(new Error(++tries < 2 ? "lost" : "forbidden"));
  const wait = async () => {};
  await assert.rejects(arriving(load, wait, (error) => (error as Error).message === "lost"), /forbidden/);
  assert.equal(tries, 2);
});
