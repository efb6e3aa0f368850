import assert from "node:assert/strict";
import test from "node:test";
import { type KObject } from "../api/objects";
import { declaredOf, limitsOf, patchOf, quotaOf } from "./quota";

function aQuota(hard: Record<string, any>, used: Record<string, any> = {}): KObject {
  return { metadata: { name: "all", namespace: "team", uid: "u1", resourceVersion: "7" }, spec: { hard }, status: { hard, used } };
}

test("each limit says what is used of what, in the units of people", () => {
  const quota = aQuota(
    { "requests.nvidia.com/gpu": 4, memory: "32Gi", "requests.cpu": "8", "count/vpses.kohakuriver.io": "20" },
    { "requests.nvidia.com/gpu": 4, memory: "1536Mi", "requests.cpu": "500m", "count/vpses.kohakuriver.io": 3 },
  );
  assert.deepEqual(limitsOf(quota).map((one) => `${one.label}: ${one.text}`), ["cores: 0.5 of 8", "memory: 1.5Gi of 32Gi", "GPUs: 4 of 4", "VPSes: 3 of 20"]);
});

test("a limit that cannot be read is shown as it was declared", () => {
  const quota = { ...aQuota({ "requests.cpu": "many" }), status: { hard: {}, used: { "requests.cpu": "2" } } };
  assert.deepEqual(limitsOf(quota).map((one) => [one.most, one.text]), [[undefined, "2 of many"]]);
  for (const nonsense of [null, 7, "x", []]) assert.deepEqual(limitsOf({ metadata: { name: "q" }, spec: nonsense, status: nonsense }), []);
});

test("a patch has what was changed, and the spelling that the quota has", () => {
  const quota = aQuota({ cpu: 8, "requests.memory": "32Gi" });
  assert.deepEqual(declaredOf(quota), { "requests.cpu": "8", "requests.memory": "32Gi" });
  const metadata = { uid: "u1", resourceVersion: "7" };
  assert.equal(patchOf(quota, declaredOf(quota)), undefined);
  assert.deepEqual(patchOf(quota, { ...declaredOf(quota), "requests.cpu": " 12 " }), { metadata, spec: { hard: { cpu: "12" } } });
  assert.deepEqual(patchOf(quota, { ...declaredOf(quota), "requests.memory": "" }), { metadata, spec: { hard: { "requests.memory": null } } });
  assert.deepEqual(patchOf(quota, { ...declaredOf(quota), "requests.storage": "1Ti" }), { metadata, spec: { hard: { "requests.storage": "1Ti" } } });
  assert.deepEqual(patchOf(quota, { ...declaredOf(quota), "requests.storage": "" }), undefined);
});

test("a new quota limits what was typed alone", () => {
  assert.deepEqual(quotaOf("all", { "requests.cpu": " 8", "requests.memory": "" }), {
    apiVersion: "v1",
    kind: "ResourceQuota",
    metadata: { name: "all" },
    spec: { hard: { "requests.cpu": "8" } },
  });
});
