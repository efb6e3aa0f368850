import assert from "node:assert/strict";
import test from "node:test";
import { type KObject } from "../api/objects";
import { amountShown, coresShown, sizeShown, summaryOf, toGive, troubleOfGPUs, viewOf } from "./node";

type Json = Record<string, any>;

function aNode(status: Json = {}, spec: Json = {}, name = "n1"): KObject {
  return {
    metadata: { name, uid: `uid-${name}` },
    spec,
    status: {
      allocatable: { cores: "8", memory: "30Gi" },
      conditions: [{ type: "Ready", status: "True" }],
      ...status,
    },
  };
}

function anAllocation(bookings: Record<string, Json>): KObject {
  const all = Object.entries(bookings).map(([name, one]) => [`uid-${name}`, { namespace: "default", name, ...one }]);
  return { metadata: { name: "n1" }, bookings: Object.fromEntries(all) };
}

const words = (node: KObject) => viewOf(node, undefined).standing.map((one) => one.word).join(",");
const cores = (node: KObject, allocation: KObject | null | undefined) => amountShown(viewOf(node, allocation).cores, coresShown);

test("what is booked of what, as the command counts it", () => {
  const view = viewOf(aNode(), anAllocation({ dev: { cores: "1500m", memory: "4Gi" }, old: {} }));
  assert.equal(amountShown(view.cores, coresShown), "1.5 of 8");
  assert.equal(amountShown(view.memory, sizeShown), "4Gi of 30Gi");
  assert.equal(view.holders.length, 2);
});

test("cores that are shared count as often as the node gives them", () => {
  const node = aNode({ allocatable: { cores: "2", memory: "30Gi" }, cpuOvercommit: "4" });
  const held = anAllocation({ dev: { cores: "1500m", memory: "4Gi" }, lab: { cores: "4", memory: "1Gi" } });
  assert.equal(cores(node, held), "5.5 of 8");
  assert.equal(viewOf(node, held).sharing, "2, shared 4 times");
});

test("cores that are held alone are not shared", () => {
  const node = aNode({ allocatable: { cores: "4", memory: "30Gi" }, cpuOvercommit: "1.5" });
  const own = { cores: "2", exclusive: true, cpuset: "0-1", memory: "4Gi" };
  const held = anAllocation({ own, lab: { cores: "500m", memory: "1Gi" } });
  assert.equal(cores(node, held), "2.5 of 5");
  assert.equal(viewOf(node, held).sharing, "4 (2 held alone), shared 1.5 times");
  const smaller = anAllocation({ own: { cores: "1", cpuset: "0-1" } }); // its second core is let go when its agent says so
  assert.equal(viewOf(node, smaller).sharing, "4 (1 held alone), shared 1.5 times");
});

test("cores that a container without a VPS has for itself are not shared", () => {
  const stray = { container: "c", state: "running", cores: "2", cpuset: "0-1", uid: "u9" };
  const node = aNode({ allocatable: { cores: "4", memory: "30Gi" }, cpuOvercommit: "4", unknown: [stray] });
  assert.equal(viewOf(node, anAllocation({})).cores.there, 10_000);
  const known = viewOf(node, { metadata: { name: "n1" }, bookings: { u9: { cores: "2", cpuset: "0-1" } } });
  assert.equal(known.cores.there, 10_000, "what is booked for its VPS is all that it has");
  const ended = aNode({ allocatable: { cores: "4", memory: "30Gi" }, cpuOvercommit: "4", unknown: [{ ...stray, state: "exited" }] });
  assert.equal(viewOf(ended, anAllocation({})).cores.there, 16_000);
});

test("shares count once and cores held alone as often as each is given", () => {
  assert.equal(toGive(4000, 2000, 4000), 10_000);
  assert.equal(toGive(2000, 0, 4000), 8000);
  assert.equal(toGive(2000, 3000, 4000), 2000);
});

test("who may not read bookings sees what is there, and its own VPSes", () => {
  const gpus = [{ index: 0, uuid: "GPU-a" }, { index: 1, uuid: "GPU-b" }];
  const mine = { metadata: { namespace: "team", name: "dev" }, status: { assignment: { node: "n1", grant: { gpus: ["GPU-a"] } } } };
  const view = viewOf(aNode({ gpus }), null, [mine]);
  assert.deepEqual([view.cores, view.gpusFree], [{ held: undefined, there: 8000 }, undefined]);
  assert.deepEqual(view.gpus.map((one) => one.holder?.name), ["dev", undefined]);
});

test("a node says in the words of the command how it stands", () => {
  const ready = (status: string) => [{ type: "Ready", status }];
  assert.equal(words(aNode()), "Ready");
  assert.equal(words(aNode({ conditions: ready("False") })), "NotReady");
  assert.equal(words(aNode({ conditions: ready("Unknown") })), "NotReady");
  assert.equal(words(aNode({ conditions: [] })), "NotReady");
  assert.equal(words(aNode({}, { unschedulable: true })), "Ready,Cordoned");
  assert.equal(words(aNode({}, { drain: true, unschedulable: true })), "Ready,Draining");
  const drained = [...ready("True"), { type: "Drained", status: "True" }];
  assert.equal(words(aNode({ conditions: drained }, { drain: true, unschedulable: true })), "Ready,Drained");
  assert.equal(words(aNode({ conditions: drained })), "Ready");
  assert.equal(words(aNode({ quarantine: { since: "now" } }, { unschedulable: true })), "Ready,Cordoned,Quarantined");
  const down = [...ready("True"), { type: "RuntimeReady", status: "False" }, { type: "DataDirWritable", status: "False" }];
  assert.equal(words(aNode({ conditions: down })), "Ready,EngineDown,DataDirNotWritable");
});

test("each word says why", () => {
  const silent = { type: "Ready", status: "Unknown", message: "its agent has been silent since 05:11" };
  const quarantine = { id: "q1", since: "now", why: "the store was restored" };
  const view = viewOf(aNode({ conditions: [silent], quarantine }), undefined);
  assert.equal(view.standing[0]?.why, silent.message);
  assert.match(view.standing[1]?.why ?? "", /^the store was restored: nothing is created/);
  assert.equal(view.quarantine, "q1");
});

test("a GPU is a VPS's, a container's that nobody accounts for, ill, or free", () => {
  const gpus = [
    { index: 2, uuid: "GPU-c", healthy: false },
    { index: 0, uuid: "GPU-a", model: "A100", memory: "80Gi" },
    { index: 1, uuid: "GPU-b" },
    { index: 3, uuid: "GPU-d" },
  ];
  const conditions = [{ type: "Ready", status: "True" }, { type: "GPUsReady", status: "False", message: "GPU-c fell off the bus" }];
  const node = aNode({ gpus, conditions, unknown: [{ container: "c", gpus: ["GPU-b"] }] });
  const view = viewOf(node, anAllocation({ dev: { gpus: ["GPU-a"] } }));
  assert.deepEqual(view.gpus.map((one) => one.index), [0, 1, 2, 3]);
  assert.equal(view.gpus[0]?.holder?.name, "dev");
  assert.equal(view.gpus[1]?.stray?.container, "c");
  assert.equal(view.gpus[2]?.isWell, false);
  assert.deepEqual([view.gpusHeld, view.gpusFree], [1, 1]);
  assert.equal(troubleOfGPUs(view), "GPU-c fell off the bus");
});

test("a GPU that is gone stays its VPS's, and is shown as gone", () => {
  const view = viewOf(aNode({ gpus: [{ index: 0, uuid: "GPU-b" }] }), anAllocation({ dev: { gpus: ["GPU-a"] } }));
  assert.deepEqual(view.gpus.map((one) => [one.uuid, one.isThere, one.holder?.name]), [["GPU-b", true, undefined], ["GPU-a", false, "dev"]]);
  assert.deepEqual([view.gpusHeld, view.gpusFree, summaryOf([view]).gpus], [1, 1, 1]);
});

test("SSH ports of the node's own range count", () => {
  const node = aNode({ sshPorts: { address: "0.0.0.0", first: 30000, last: 30009 } });
  const view = viewOf(node, anAllocation({ dev: { sshPort: 30000 }, old: { sshPort: 22 } }));
  assert.deepEqual([view.ports, view.portRange], [{ held: 1, there: 10 }, "30000-30009"]);
});

test("the cluster's summary counts ready nodes, and GPUs that are free on them", () => {
  const gpus = [{ index: 0, uuid: "GPU-a" }, { index: 1, uuid: "GPU-b" }];
  const up = viewOf(aNode({ gpus }), anAllocation({ dev: { cores: "2", gpus: ["GPU-a"] } }));
  const down = viewOf(aNode({ gpus, conditions: [] }, {}, "n2"), undefined);
  const found = summaryOf([up, down]);
  assert.deepEqual([found.nodes, found.ready, found.gpus, found.gpusFree], [2, 1, 4, 1]);
  assert.equal(amountShown(found.cores, coresShown), "2 of 16");
});

test("nonsense anywhere in a node or its bookings takes nothing along", () => {
  const whole = aNode({ gpus: [{ index: 0, uuid: "a" }], unknown: [{ container: "c" }], sshPorts: { first: 1, last: 2 }, nodeInfo: { hostname: "h" } }, { taints: [{ key: "k" }] });
  for (const nonsense of [null, 7, "x", [], {}, [null], [7]]) {
    for (const part of ["metadata", "spec", "status"] as const) {
      for (const field of Object.keys(whole[part] as Json)) {
        if (part === "metadata" && field !== "labels") continue;
        viewOf({ ...whole, [part]: { ...(whole[part] as Json), [field]: nonsense } }, anAllocation({ dev: { cores: "1" } }));
      }
      if (part !== "metadata") viewOf({ ...whole, [part]: nonsense }, anAllocation({ dev: {} }));
    }
    viewOf(whole, { metadata: { name: "n1" }, bookings: nonsense });
    viewOf(whole, { metadata: { name: "n1" }, bookings: { u: nonsense, v: { cores: nonsense, gpus: nonsense, tombstone: nonsense, name: nonsense } } });
  }
});
