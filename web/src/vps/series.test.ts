import assert from "node:assert/strict";
import { test } from "node:test";
import { grown, KEPT, NOTHING, usedOf } from "./series";

test("what is too old goes", () => {
  let series = NOTHING;
  for (let time = 0; time <= KEPT + 10; time += 2) series = grown(series, { cores: time, memory: 1 }, time);
  assert.deepEqual([series.times[0], series.times.at(-1), series.cores.at(-1)], [10, KEPT + 10, KEPT + 10]);
  assert.equal(series.times.length, series.cores.length);
});

test("where nothing was heard the curve is interrupted", () => {
  const series = grown(grown(NOTHING, { cores: 1, memory: 2 }, 100), { cores: 3, memory: 4 }, 130);
  assert.deepEqual(series, { times: [100, 101, 130], cores: [1, null, 3], memory: [2, null, 4] });
  const long = grown(grown(NOTHING, { cores: 1, memory: 2 }, 0), { cores: 3, memory: 4 }, 2 * KEPT);
  assert.deepEqual(long, { times: [2 * KEPT], cores: [3], memory: [4] });
});

test("what is no amount is no reading", () => {
  assert.deepEqual(usedOf({ cores: 0.5, memory: 3, sent: "x", read: 4 }), { cores: 0.5, memory: 3, read: 4 });
  for (const nonsense of [undefined, {}, { cores: "1", memory: 1 }, { cores: -1, memory: 1 }, { cores: NaN, memory: 1 }]) assert.equal(usedOf(nonsense), undefined);
});
