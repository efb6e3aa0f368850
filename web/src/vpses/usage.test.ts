import assert from "node:assert/strict";
import { test } from "node:test";
import { usedOf } from "./usage";

test("what is used is read of each namespace's answer, without what was not measured", () => {
  const item = (name: string, usage?: { cpu?: string; memory?: string }) => ({
    metadata: { name, namespace: "team" },
    containers: usage ? [{ usage }] : [],
  });
  const found = usedOf([
    { items: [item("dev", { cpu: "250m", memory: "64Mi" }), item("a"), item("b", { cpu: "x", memory: "1" })] },
    { items: [] },
  ]);
  assert.deepEqual([...found], [["team/dev", { cores: 0.25, memory: 64 * 2 ** 20 }]]);
});
