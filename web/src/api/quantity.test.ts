import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, cores, coresInWords, quantity } from "./quantity";

test("a quantity is read in every form that the API takes", () => {
  const forms: [unknown, number][] = [
    ["500m", 0.5], [2, 2], ["2", 2], ["4Gi", 4 * 2 ** 30], ["4G", 4e9], ["1e3", 1000], [".5", 0.5], ["1.5Ki", 1536], ["250000n", 0.00025],
  ];
  for (const [written, value] of forms) assert.ok(Math.abs(quantity(written)! - value) < 1e-9, String(written));
});

test("what is no quantity is told apart from none at all", () => {
  for (const written of ["", "4X", "1e3Gi", "1constructor", "Gi", "1 2", null, undefined, {}, NaN, true, "1".repeat(50)]) {
    assert.equal(quantity(written), undefined, String(written));
  }
  assert.equal(quantity("0"), 0);
});

test("bytes are shown in binary units with one decimal at most", () => {
  assert.deepEqual(
    [0, 1023, 1024, 1536, 256 * 2 ** 20, 22.44 * 2 ** 30, 3 * 2 ** 40, 5000 * 2 ** 40].map(bytes),
    ["0", "1023", "1Ki", "1.5Ki", "256Mi", "22.4Gi", "3Ti", "5000Ti"],
  );
});

test("cores are shown as decimals, and one core is one", () => {
  assert.deepEqual([2, 0.5, 0.1234, 0].map(cores), ["2", "0.5", "0.123", "0"]);
  assert.deepEqual([1, 0.5, 2].map(coresInWords), ["1 core", "0.5 cores", "2 cores"]);
});
