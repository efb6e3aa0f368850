import assert from "node:assert/strict";
import { test } from "node:test";
import { Turns } from "./turns";

/** Frames that come when the test says so. */
function byHand(): { turns: Turns; frame: () => void; asked: () => number } {
  let waiting: (() => void)[] = [];
  const frame = () => {
    const due = waiting;
    waiting = [];
    for (const work of due) work();
  };
  return { turns: new Turns((work) => waiting.push(work)), frame, asked: () => waiting.length };
}

test("one piece is done with each frame, in the order in which they came", () => {
  const { turns, frame, asked } = byHand();
  const done: string[] = [];
  for (const name of ["a", "b", "c"]) turns.take(() => done.push(name));
  assert.deepEqual(done, []);
  frame();
  assert.deepEqual(done, ["a"]);
  frame();
  frame();
  assert.deepEqual(done, ["a", "b", "c"]);
  assert.equal(asked(), 0, "no frame is asked for in vain");
});

test("what was taken back is not done, and keeps nobody waiting", () => {
  const { turns, frame } = byHand();
  const done: string[] = [];
  const back = turns.take(() => done.push("a"));
  turns.take(() => done.push("b"));
  back();
  frame();
  assert.deepEqual(done, ["b"]);
  const last = turns.take(() => done.push("c"));
  last();
  turns.take(() => done.push("d"));
  frame();
  frame();
  assert.deepEqual(done, ["b", "d"]);
});

test("a piece that asks for another gets one frame more, and one that fails holds nobody up", () => {
  const { turns, frame } = byHand();
  const done: string[] = [];
  turns.take(() => {
    turns.take(() => done.push("later"));
    throw new Error("broken");
  });
  turns.take(() => done.push("other"));
  assert.throws(frame, /broken/);
  frame();
  frame();
  assert.deepEqual(done, ["other", "later"]);
});
