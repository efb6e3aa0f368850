import assert from "node:assert/strict";
import { test } from "node:test";
import type { KObject } from "../api/objects";
import { blocked, chosen, counted, queryOf, rowOf, type Wanted, wantedOf } from "./rows";

function vps(name: string, phase = "running", more: Partial<KObject["metadata"]> = {}, spec: any = {}, status: any = {}): KObject {
  return { metadata: { name, namespace: "default", ...more }, spec, status: { phase, ...status } };
}
const all: Wanted = { filter: "", namespace: "", sort: "name", isDescending: false };
const names = (vpses: KObject[], wanted: Partial<Wanted>) => chosen(vpses.map(rowOf), { ...all, ...wanted }).map((row) => row.name);

test("the filter looks at name, state, node, why, image and labels, and all its words must be found", () => {
  const some = [
    vps("dev", "running", { labels: { team: "red" } }, { image: "debian" }, { assignment: { node: "n7" } }),
    vps("lab", "pending", {}, {}, { message: "0 of 3 nodes fit: short of Memory" }),
  ];
  assert.deepEqual(names(some, { filter: "team=red" }), ["dev"]);
  assert.deepEqual(names(some, { filter: "N7 running debian" }), ["dev"]);
  assert.deepEqual(names(some, { filter: "memory" }), ["lab"]);
  assert.deepEqual(names(some, { filter: "memory dev" }), []);
  assert.deepEqual(names(some, { filter: "  " }), ["dev", "lab"]);
});

test("states sort by who needs somebody, and equal ones by name whichever way the order goes", () => {
  const some = [vps("d", "stopped"), vps("c", "running"), vps("b", "running"), vps("a", "lost"), vps("e", "dreaming")];
  assert.deepEqual(names(some, { sort: "state" }), ["a", "b", "c", "d", "e"]);
  assert.deepEqual(names(some, { sort: "state", isDescending: true }), ["e", "d", "b", "c", "a"]);
});

test("amounts sort as numbers, ages by the youngest, and those without a node come last", () => {
  const at = (creationTimestamp: string) => ({ creationTimestamp });
  const some = [
    vps("a", "pending", at("2026-01-01T00:00:00Z"), { resources: { cores: "500m", memory: "1Gi" } }),
    vps("b", "running", at("2026-01-03T00:00:00Z"), { resources: { cores: 10, memory: "512Mi" } }, { assignment: { node: "n1" } }),
    vps("c", "running", at("2026-01-02T00:00:00Z"), { resources: { cores: 2, memory: "2G" } }, { assignment: { node: "n2" } }),
  ];
  assert.deepEqual(names(some, { sort: "cores" }), ["a", "c", "b"]);
  assert.deepEqual(names(some, { sort: "memory" }), ["b", "a", "c"]);
  assert.deepEqual(names(some, { sort: "age" }), ["b", "c", "a"]);
  assert.deepEqual(names(some, { sort: "node" }), ["b", "c", "a"]);
});

test("a namespace narrows the list", () => {
  assert.deepEqual(names([vps("a"), vps("b", "running", { namespace: "team" })], { namespace: "team" }), ["b"]);
});

test("an object that did not change has the same row", () => {
  const one = vps("a");
  assert.equal(rowOf(one), rowOf(one));
  assert.notEqual(rowOf(one), rowOf({ ...one }));
});

test("states are counted, the urgent first", () => {
  assert.deepEqual(counted([vps("a"), vps("b", "lost"), vps("c")].map(rowOf)), [["lost", 1], ["running", 2]]);
});

test("what is wanted stands in the address, and comes back from it", () => {
  const wanted: Wanted = { filter: "a b&c", namespace: "team", sort: "age", isDescending: true };
  assert.deepEqual(wantedOf(new URLSearchParams(queryOf(wanted))), wanted);
  assert.equal(queryOf(all), "");
  assert.deepEqual(wantedOf(new URLSearchParams("sort=-constructor")), all);
});

test("blocks hold every row once", () => {
  const rows = Array.from({ length: 25 }, (_, index) => rowOf(vps(`v${index}`)));
  assert.deepEqual(blocked(rows).map((block) => block.length), [10, 10, 5]);
  assert.deepEqual(blocked(rows).flat(), rows);
});
