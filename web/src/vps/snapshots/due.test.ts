import assert from "node:assert/strict";
import { test } from "node:test";
import { nextDue } from "./due";

const at = (time: string) => Date.parse(time);
const shown = (schedule: string, zone: string, now: string) => {
  const due = nextDue(schedule, zone, at(now));
  return due === undefined ? undefined : new Date(due).toISOString().replace(":00.000Z", "Z");
};

test("the next time of a schedule, in UTC and in a zone", () => {
  assert.equal(shown("0 3 * * *", "", "2026-12-01T02:59:59Z"), "2026-12-01T03:00Z");
  assert.equal(shown("0 3 * * *", "", "2026-12-01T03:00:00Z"), "2026-12-02T03:00Z", "after now, not at it");
  assert.equal(shown("0 3 * * *", "Europe/Berlin", "2026-12-01T00:00:00Z"), "2026-12-01T02:00Z");
  assert.equal(shown("0 3 * * *", "Europe/Berlin", "2026-07-01T00:00:00Z"), "2026-07-01T01:00Z");
  assert.equal(shown("30 0 * * *", "Asia/Tokyo", "2026-12-01T15:00:00Z"), "2026-12-01T15:30Z", "the day there is another");
});

test("words, steps, ranges, lists and names", () => {
  assert.equal(shown("@hourly", "", "2026-12-01T09:10:00Z"), "2026-12-01T10:00Z");
  assert.equal(shown("*/15 9-17 * * mon-fri", "", "2026-12-04T17:50:00Z"), "2026-12-07T09:00Z", "a Friday");
  assert.equal(shown("5,35 */6 * jan *", "", "2026-12-01T00:00:00Z"), "2027-01-01T00:05Z");
  assert.equal(shown("0 0 29 2 *", "", "2026-12-01T00:00:00Z"), "2028-02-29T00:00Z");
  assert.equal(shown("0 0 13 * 5", "", "2026-12-01T00:00:00Z"), "2026-12-04T00:00Z", "a 13th or a Friday");
  assert.equal(shown("0 0 * * 7", "", "2026-12-01T00:00:00Z"), "2026-12-06T00:00Z", "7 is Sunday");
});

test("a time that clocks skip is due when they have been put forward, one that comes twice the first time", () => {
  assert.equal(shown("30 2 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z"), "2026-03-29T01:00Z");
  assert.equal(shown("30 2 * * *", "Europe/Berlin", "2026-10-24T23:00:00Z"), "2026-10-25T00:30Z");
});

test("what cannot be read, or is never due, gives nothing", () => {
  for (const nonsense of ["", "soon", "60 * * * *", "* * * *", "* * * * * *", "1-0 * * * *", "*/0 * * * *", "0 0 31 2 *", "0 0 L * *", "a,b * * * *"]) {
    assert.equal(nextDue(nonsense, "", at("2026-12-01T00:00:00Z")), undefined, nonsense);
  }
  assert.equal(nextDue("0 3 * * *", "Mars/Base", at("2026-12-01T00:00:00Z")), undefined);
});
