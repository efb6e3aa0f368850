import assert from "node:assert/strict";
import test from "node:test";
import { chosen, limits } from "./policy";

const policy = (spec: any) => ({ metadata: { name: "students" }, spec });

test("a policy says which namespaces it chooses", () => {
  assert.equal(chosen(policy({})), "every namespace");
  const matchExpressions = [{ key: "team", operator: "In", values: ["a", "b"] }, { key: "lab", operator: "DoesNotExist" }];
  assert.equal(
    chosen(policy({ namespaceSelector: { matchLabels: { course: "systems" }, matchExpressions } })),
    "namespaces with course=systems and team in (a, b) and no lab",
  );
});

test("a policy says what it limits, a sentence each", () => {
  const spec = {
    images: { registries: ["ghcr.io/our-lab", "docker.io/library"] },
    egress: { deny: ["10.0.0.0/8"], allow: ["169.254.169.254/32"] },
    longestStopGracePeriod: "10m",
    highestPriority: 100,
    longestTokenLife: "720h",
  };
  assert.deepEqual(limits(policy(spec)), [
    "Images come from ghcr.io/our-lab or docker.io/library.",
    "VPSes do not reach 10.0.0.0/8.",
    "VPSes may reach 169.254.169.254/32, although the default closes it.",
    "A VPS gets at most this long to stop: 10m.",
    "A VPS's priority is at most 100.",
    "A token for these namespaces is good for at most 720h.",
  ]);
  assert.match(limits(policy({ images: { registries: [] } }))[0] ?? "", /from no registry/);
  assert.deepEqual(limits(policy({})), ["It limits nothing."]);
});

test("nonsense in a policy is read as what it is", () => {
  for (const nonsense of [null, 7, "x", [], [7]]) {
    chosen(policy(nonsense));
    limits(policy(nonsense));
    chosen(policy({ namespaceSelector: { matchLabels: nonsense, matchExpressions: nonsense } }));
    limits(policy({ images: nonsense, egress: { deny: nonsense }, highestPriority: nonsense }));
  }
  assert.equal(chosen(policy({ namespaceSelector: { matchExpressions: [{ key: "a", operator: "constructor" }] } })), "namespaces with <cannot be read>");
});
