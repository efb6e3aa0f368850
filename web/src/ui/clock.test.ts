import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { effect } from "@preact/signals";
import { age, ago, moment, now } from "./clock";

test("ages are those of the command", () => {
  const known: [number, string][] = [
    [0, "0s"], [-5, "0s"], [119.9, "119s"], [120, "2m"], [200, "3m20s"], [600, "10m"], [10799, "179m"], [10800, "3h"],
    [18720, "5h12m"], [28800, "8h"], [172799, "47h"], [172800, "2d"], [273600, "3d4h"], [691200, "8d"],
    [729 * 86400, "729d"], [730 * 86400, "2y"],
  ];
  for (const [seconds, text] of known) assert.equal(age(seconds), text);
});

test("a time that cannot be read has no age", () => {
  const present = Date.parse("2026-11-29T05:11:30Z");
  assert.equal(ago("2026-11-29T05:11:00Z", present), "30s");
  assert.equal(ago("soon", present), "-");
  assert.equal(ago(undefined, present), "-");
  assert.equal(moment("2026-11-29T05:11:00.5Z"), "2026-11-29 05:11:00 UTC");
  assert.equal(moment("soon"), "");
});

test("the clock ticks only while somebody looks", () => {
  mock.timers.enable({ apis: ["setInterval", "Date"], now: 5000 });
  try {
    const seen: number[] = [];
    const stop = effect(() => void seen.push(now.value));
    mock.timers.tick(1000);
    mock.timers.tick(1000);
    stop();
    mock.timers.tick(9000);
    assert.deepEqual(seen.slice(-3), [5000, 6000, 7000]);
  } finally {
    mock.timers.reset();
  }
});
