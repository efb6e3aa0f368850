import assert from "node:assert/strict";
import { test } from "node:test";
import type { KObject } from "../../api/objects";
import { declared, identityProblems, parsed, patchOf, patched, same, written } from "./text";

const DEV: KObject = {
  apiVersion: "kohakuriver.io/v1alpha1",
  kind: "VPS",
  metadata: {
    name: "dev",
    namespace: "default",
    uid: "u1",
    resourceVersion: "7",
    generation: 2,
    creationTimestamp: "2026-11-29T05:11:00Z",
    annotations: { "kubectl.kubernetes.io/last-applied-configuration": "{}" },
    managedFields: [],
  } as KObject["metadata"],
  spec: { resources: { cores: 1, memory: "512Mi" }, env: { ANSWER: "yes", ZERO: "007" } },
  status: { phase: "running" },
};

test("people see what people write", () => {
  assert.deepEqual(declared(DEV), {
    apiVersion: DEV.apiVersion,
    kind: "VPS",
    metadata: { name: "dev", namespace: "default" },
    spec: DEV.spec,
  });
});

test("what is written is read back the same, and words that look like something else are in quotes", () => {
  const text = written(declared(DEV));
  assert.deepEqual(parsed(text).value, declared(DEV));
  assert.match(text, /ANSWER: "yes"/);
  assert.match(text, /ZERO: "007"/);
});

test("a mistake is told with its line and column", () => {
  const tab = parsed("kind: VPS\nmetadata:\n\tname: dev\n");
  assert.deepEqual([tab.value, tab.problems[0]?.line], [undefined, 3]);
  const twice = parsed("metadata: {}\nspec:\n  env: {}\n  env: {}\n");
  assert.deepEqual([twice.problems[0]?.line, twice.problems[0]?.column], [4, 3]);
  assert.match(twice.problems[0]?.message ?? "", /unique/);
});

test("what is no object, or more than one, is refused", () => {
  for (const text of ["", "# nothing\n", "- a\n", "hello", "kind: VPS\n", "metadata: []\n"]) {
    assert.equal(parsed(text).value, undefined, text);
    assert.equal(parsed(text).problems.length, 1, text);
  }
  assert.deepEqual(
    parsed("metadata: {}\n---\nmetadata: {}\n").problems.map((one) => one.line),
    [2],
  );
});

test("a few letters that stand for a billion are refused", () => {
  let text = "a: &a [x, x, x, x, x, x, x, x, x]\n";
  for (let n = 0; n < 8; n++) text += `${String.fromCharCode(98 + n)}: &${String.fromCharCode(98 + n)} [${`*${String.fromCharCode(97 + n)}, `.repeat(9)}]\n`;
  assert.match(parsed(`metadata: {}\n${text}`).problems[0]?.message ?? "", /alias/);
});

test("a field has a line, one that is missing that of its nearest part", () => {
  const found = parsed("metadata:\n  labels:\n    a.b/c: d\nspec:\n  volumes:\n    - name: home\n      target: x\n");
  assert.deepEqual(
    ["spec.volumes[0].target", "spec.volumes[0].reclaimPolicy", "spec.volumes[3]", "metadata.labels.a.b/c", "spec.image", "status"].map(found.lineOf),
    [7, 6, 5, 3, 4, 0],
  );
});

test("the patch is the smallest that makes one of the other", () => {
  const after = { ...declared(DEV), spec: { resources: { cores: 1, memory: "1Gi" }, env: { ANSWER: "yes" }, mounts: [] } };
  const patch = patchOf(declared(DEV), after);
  assert.deepEqual(patch, { spec: { resources: { memory: "1Gi" }, env: { ZERO: null }, mounts: [] } });
  assert.deepEqual(patched(declared(DEV), patch), after);
  assert.equal(patchOf(after, structuredClone(after)), undefined);
});

test("lists are replaced as a whole, and the order of fields is no difference", () => {
  assert.deepEqual(patchOf({ a: [{ b: 1 }] }, { a: [{ b: 2 }] }), { a: [{ b: 2 }] });
  assert.ok(same({ a: 1, b: [1, { c: 2, d: 3 }] }, { b: [1, { d: 3, c: 2 }], a: 1 }));
  assert.ok(!same({ a: 1 }, { a: 1, b: undefined }));
});

test("what names the object cannot be changed", () => {
  const after = parsed("apiVersion: kohakuriver.io/v1alpha1\nkind: VPS\nmetadata:\n  name: other\n  namespace: default\n");
  assert.deepEqual(
    identityProblems(DEV, after).map((one) => [one.line, one.message]),
    [[4, 'metadata.name cannot be changed: it is "dev"']],
  );
});

test("a field without a value is as good as none", () => {
  assert.deepEqual(parsed("metadata: {name: a}\nspec:\n  image:\n").value, { metadata: { name: "a" }, spec: {} });
});
