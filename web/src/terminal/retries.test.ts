import assert from "node:assert/strict";
import { test } from "node:test";
import { Retries } from "./retries";

const KILLED = 137;

test("another shell follows one that a restart takes along, ten times at most", () => {
  const retries = new Retries();
  retries.begin();
  let followed = 0;
  while (retries.another(KILLED, false)) assert.ok(++followed < 50, "without end");
  assert.equal(followed, 10);
  retries.begin();
  assert.ok(retries.another(126, false), "one that could not be started was taken along too");
});

test("none follows one that ended by itself, that somebody typed into, or that no restart has ended", () => {
  const retries = new Retries();
  assert.ok(!retries.another(KILLED, false), "nothing was restarted");
  retries.begin();
  assert.ok(!retries.another(0, false));
  assert.ok(!retries.another(1, false));
  assert.ok(!retries.another(undefined, false));
  assert.ok(!retries.another(KILLED, true));
  retries.none();
  assert.ok(!retries.another(KILLED, false), "a shell that somebody asked for");
});
