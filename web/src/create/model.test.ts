import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDocument } from "yaml";
import type { KObject } from "../api/objects";
import { same, textOf } from "../vps/yaml/text";
import { commandOf, quoted } from "./command";
import CASES from "./commands.json";
import { changed, EMPTY, fieldOf, type Form, formOf, mistakes, newName, objectOf, PRESETS } from "./model";

const formed = (sets: Partial<Form>): Form => ({ ...EMPTY, ...sets });

for (const one of CASES) {
  test(`form, object and command say the same: ${one.what}`, () => {
    const form = formed(one.form as Partial<Form>);
    const object = { apiVersion: "kohakuriver.io/v1alpha1", kind: "VPS", metadata: one.metadata, spec: one.spec } as unknown as KObject;
    assert.ok(same(objectOf(form), object), JSON.stringify(objectOf(form)));
    assert.deepEqual(formOf(object), { form, beyond: [] });
    assert.deepEqual(commandOf(form, []), { line: one.command, lacking: [] });
  });
}

test("what vps create has no option for is named, and applied from a file", () => {
  const form = formed({
    name: "x", isExclusive: true, gpus: "1", gpuModel: "A100", selector: "disk=ssd", login: "off",
    volumes: [{ name: "v", target: "/v", isDeleted: true }],
  });
  assert.deepEqual(commandOf(form, ["spec.priority"]), {
    line: "kohakuriver apply -f x.yaml",
    lacking: [
      "spec.resources.exclusive", "spec.placement.gpus.model", "spec.placement.nodeSelector", "spec.ssh.disabled",
      "spec.volumes.reclaimPolicy", "spec.priority",
    ],
  });
  assert.deepEqual(formOf(objectOf(form)), { form, beyond: [] });
});

test("words are quoted by the rules of a shell", () => {
  assert.equal(quoted(["a", "", "it's", "a b", "$x", "K=V", "~/x", "new\nline"]), `a '' 'it'"'"'s' 'a b' '$x' K=V '~/x' 'new\nline'`);
});

const MANIFEST = `# mine
apiVersion: kohakuriver.io/v1alpha1
kind: VPS
metadata:
  name: dev # its name
  labels: { team: red }
spec:
  resources:
    cores: 2
    memory: 4G # enough
  priority: 5
  placement:
    node: n1
  tolerations:
    - key: a
`;

test("a change in the form leaves everything else in the text, comments too", () => {
  const document = parseDocument(MANIFEST);
  const { form, beyond } = formOf(document.toJS());
  assert.deepEqual(beyond, ["metadata.labels.team", "spec.priority", "spec.tolerations"]);
  const text = textOf(changed(document, form, { ...form, cores: "3", node: "", gpus: "1" }));
  assert.equal(text, MANIFEST.replace("cores: 2", "cores: 3").replace("    node: n1", "    gpus:\n      count: 1"));
  assert.equal(textOf(changed(document, form, form)), MANIFEST);
});

test("what is taken out leaves no empty part behind", () => {
  const document = parseDocument(MANIFEST);
  const { form } = formOf(document.toJS());
  assert.ok(!textOf(changed(document, form, { ...form, node: "" })).includes("placement"));
});

test("a list that has more than the form shows is the text's alone", () => {
  const { beyond } = formOf({ metadata: { name: "x" }, spec: { volumes: [{ name: "a", target: "/a", size: 3 }], env: { A: { b: 1 } }, resources: { cores: [1] } } });
  assert.deepEqual(beyond, ["spec.volumes", "spec.env.A.b", "spec.resources.cores"]);
});

test("nonsense in the place of anything reads as empty", () => {
  const { form } = formOf({ metadata: { name: 3 }, spec: { ssh: "x", resources: [], placement: null, volumes: [1], security: 5 } } as unknown as KObject);
  assert.equal(form.name, "3");
  assert.deepEqual(form.volumes, [{ name: "", target: "", isDeleted: false }]);
});

test("a refusal is shown at the field that it is about", () => {
  assert.deepEqual(
    ["spec.resources.cores", "spec.volumes[0].name", "spec.placement", "spec.placement.gpus.model", "spec.ssh.authorizedKeys[1]", "spec.image", "spec.priority", "metadata.name", "metadata.names"].map(fieldOf),
    ["cores", "volumes", "node", "gpuModel", "keys", "image", undefined, "name", undefined],
  );
});

test("what cannot be written into an object is told before anything is sent", () => {
  const wrong = formed({ name: " ", selector: "ssd", env: "A=1\nB", from: "environment", keys: "-----BEGIN OPENSSH PRIVATE KEY-----\nx" });
  assert.deepEqual(mistakes(wrong).map((one) => one.field), ["name", "environment", "selector", "env", "keys"]);
  assert.deepEqual(mistakes(formed({ name: "a", selector: "disk=ssd, zone=b", env: "A=b=c" })), []);
});

test("a private key goes nowhere", () => {
  const text = JSON.stringify(objectOf(formed({ name: "a", keys: "-----BEGIN OPENSSH PRIVATE KEY-----\nsecret" })));
  assert.ok(!text.includes("secret"), text);
});

test("a new name is as the command makes them", () => {
  assert.equal(newName((below) => below - 1), "vps-zzzzz");
  assert.equal(newName(() => 0), "vps-22222");
});

test("each preset is a form that can be sent", () => {
  for (const { sets } of PRESETS) assert.deepEqual(mistakes(formed({ name: "a", ...sets })), []);
});
