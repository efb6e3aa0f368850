import assert from "node:assert/strict";
import test from "node:test";
import { labelChange, whatAccepts, whatDrainDoes } from "./actions";
import { viewOf } from "./node";

const BEFORE = [["disk", "ssd"], ["node.kohakuriver.io/name", "n1"]] as const;

test("labels are changed by what differs alone", () => {
  assert.deepEqual(labelChange(BEFORE, "disk=ssd\nnode.kohakuriver.io/name=n1\n"), {});
  assert.deepEqual(labelChange(BEFORE, " disk = hdd \n\nrack=a=b\nnode.kohakuriver.io/name=n1"), { disk: "hdd", rack: "a=b" });
  assert.deepEqual(labelChange(BEFORE, "node.kohakuriver.io/name=n1\nempty="), { disk: null, empty: "" });
});

test("a line that is no label is told", () => {
  assert.equal(labelChange(BEFORE, "disk"), 'invalid label "disk": write KEY=VALUE');
  assert.equal(labelChange(BEFORE, "=ssd"), 'invalid label "=ssd": write KEY=VALUE');
  assert.equal(labelChange(BEFORE, "a=1\na=2"), "label a is there twice");
});

test("a quarantine is accepted by its id, and by the history where its node has not spoken since", () => {
  const node = { metadata: { name: "n1" }, status: { history: "h2", quarantine: { id: "q1" } } };
  assert.equal(whatAccepts(node, "h2"), "q1");
  assert.equal(whatAccepts(node, "h3"), "h3");
  assert.equal(whatAccepts({ metadata: { name: "n1" } }, "h3"), "h3");
});

test("a drain says whom it stops", () => {
  const node = { metadata: { name: "n1" }, status: {} };
  const bookings = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`u${at}`, { namespace: "t", name: `v${at}` }]));
  assert.match(whatDrainDoes(viewOf(node, undefined))[1] ?? "", /^No VPS/);
  assert.equal(whatDrainDoes(viewOf(node, { metadata: { name: "n1" }, bookings: bookings(1) }))[1], "It has 1 VPS: t/v0.");
  assert.match(whatDrainDoes(viewOf(node, { metadata: { name: "n1" }, bookings: bookings(10) }))[1] ?? "", /^It has 10 VPSes: t\/v0, .* and 2 more\.$/);
});
