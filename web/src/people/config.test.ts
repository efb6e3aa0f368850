import assert from "node:assert/strict";
import test from "node:test";
import { configFile, fileName } from "./config";

test("a config file has the server, who signed for it, and the token", () => {
  const found = JSON.parse(configFile({ url: "https://10.0.0.1:8443", authority: "PEM\n" }, "s3cret", "alice", "team-a"));
  assert.equal(found["current-context"], "kohakuriver");
  assert.deepEqual(found.clusters[0].cluster, { server: "https://10.0.0.1:8443", "certificate-authority-data": Buffer.from("PEM\n").toString("base64") });
  assert.deepEqual(found.users, [{ name: "alice", user: { token: "s3cret" } }]);
  assert.deepEqual(found.contexts[0].context, { cluster: "kohakuriver", user: "alice", namespace: "team-a" });
  assert.ok(!("certificate-authority-data" in JSON.parse(configFile({ url: "https://a", authority: "" }, "s", "a", "b")).clusters[0].cluster));
});

test("whatever a user is called, the file has a name that a disk takes", () => {
  assert.deepEqual(["alice", "a b/c", "../x", "é", "alice@example.org"].map(fileName), ["alice.config", "a-b-c.config", "x.config", "kohakuriver.config", "alice@example.org.config"]);
});
