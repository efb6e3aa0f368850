import assert from "node:assert/strict";
import test from "node:test";
import { command, installedCommand, obstacle, quoted } from "./join";

const AUTHORITY = "-----BEGIN CERTIFICATE-----\nbm90IGEgcmVhbCBjZXJ0aWZpY2F0ZSwgYnV0IGJ5dGVz\n-----END CERTIFICATE-----\n";
const SERVER = { url: "https://10.0.0.1:8443", authority: AUTHORITY };
const HASH = "sha256:31b4218a742eeec966dbe56154785f435d1cfb65f2093c4384955eaa6caa68ac";

test("the command pins the cluster's own authority, and has the token on standard input alone", async () => {
  const line = await command(SERVER, "se-cret_", "n2");
  const [before, after] = line.split(" <<<");
  assert.equal(after, "se-cret_");
  assert.ok(!before?.includes("se-cret_"));
  assert.ok(line.startsWith("sh -c 'set -eu; "));
  assert.ok(line.includes(`| base64 -d >"$d/ca"; `) && line.includes('--cacert "$d/ca" --capath "$d" '));
  assert.ok(line.endsWith(`"$@"' sh https://10.0.0.1:8443 --ca-hash ${HASH} --node n2 <<<se-cret_`));
  assert.equal(
    await installedCommand(SERVER, "se-cret_", ""),
    `kohakuriver agent --join https://10.0.0.1:8443 --ca-hash ${HASH} --token - --install-service <<<se-cret_`,
  );
});

test("where an authority of the system signed, nothing else is trusted", async () => {
  const line = await command({ url: "https://river.example", authority: "" }, "t", "");
  assert.ok(!line.includes("--cacert") && !line.includes("--ca-hash"));
});

test("a word is quoted for a shell where it has to be", () => {
  assert.deepEqual([quoted("a-b_c=1"), quoted("a b"), quoted("it's"), quoted("$(x)"), quoted("")], ["a-b_c=1", "'a b'", `'it'"'"'s'`, "'$(x)'", "''"]);
});

test("it is said where no other machine can join", () => {
  assert.match(obstacle("http://10.0.0.1"), /the token would lie open/);
  for (const here of ["https://localhost:1", "https://127.0.0.9", "https://[::1]:8443"]) assert.match(obstacle(here), /this machine alone/);
  assert.equal(obstacle("https://10.0.0.1:8443"), "");
});
