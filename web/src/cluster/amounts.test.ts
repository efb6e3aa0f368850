import assert from "node:assert/strict";
import test from "node:test";
import { coresShown, countOfSet, millicores, ratioOf, size, sizeShown } from "./amounts";

// The same cases as for the quantities of the API server.
test("cores are counted in thousandths, rounded up", () => {
  const cases: [unknown, number][] = [["500m", 500], [2, 2000], ["0.1", 100], [0.5, 500], ["1e1", 10_000], ["1n", 1], ["2.007", 2007]];
  for (const [text, thousandths] of cases) assert.equal(millicores(text), thousandths, String(text));
});

test("suffixes with i are powers of 1024 and the others of 1000", () => {
  const cases: [unknown, number][] = [["4Gi", 4 * 2 ** 30], ["4G", 4e9], ["512Mi", 512 * 2 ** 20], ["1.5Ki", 1536], [7, 7]];
  for (const [text, count] of cases) assert.equal(size(text), count, String(text));
});

test("what is no quantity is no amount", () => {
  for (const text of ["4x", "", "Gi", "1e3Gi", "two", true, "4 Gi", "--1", null, undefined, {}, "9".repeat(41)]) {
    assert.equal(size(text), undefined, String(text));
  }
});

test("a ratio is read in thousandths, and is once where it cannot be read", () => {
  const cases: [unknown, number][] = [["4", 4000], ["1.5", 1500], [1, 1000], ["64", 64_000], ["1.001", 1001]];
  for (const [text, ratio] of cases) assert.equal(ratioOf(text), ratio, String(text));
  for (const text of ["0.9", "64.001", "0", "-4", "four", "", "4x", "1500m", "1.0005", "nan", "4Ki", undefined]) {
    assert.equal(ratioOf(text), 1000, String(text));
  }
});

test("a set of cores is counted, each once", () => {
  assert.equal(countOfSet("0-3,8"), 5);
  assert.equal(countOfSet("0-3,2-4"), 5);
  for (const text of ["", undefined, "a", "0-99999", "3-"]) assert.equal(countOfSet(text), 0, String(text));
});

test("amounts for people are decimal cores and binary sizes of one decimal", () => {
  assert.deepEqual([coresShown(500), coresShown(2000), coresShown(5500)], ["0.5", "2", "5.5"]);
  assert.deepEqual([sizeShown(9.5 * 2 ** 30), sizeShown(4 * 2 ** 30), sizeShown(0)], ["9.5Gi", "4Gi", "0"]);
});
