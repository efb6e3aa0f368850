import assert from "node:assert/strict";
import { test } from "node:test";
import type { KObject } from "../api/objects";
import { sshCommand, sshName, vscodeLink } from "./reach";

const vps = (namespace = "default", ssh: any = undefined, state = "ready"): KObject => ({
  metadata: { name: "dev", namespace },
  spec: { ssh },
  status: { assignment: { node: "n1", epoch: 1, grant: { sshPort: 30000 } }, observed: { epoch: 1, ssh: { state } } },
});
const node = (address: string, hostname = "host1"): KObject => ({
  metadata: { name: "n1" },
  status: { sshPorts: { address }, nodeInfo: { hostname } },
});

test("the command is ssh where the port is reached", () => {
  assert.equal(sshCommand(vps(), node("0.0.0.0"), "lab"), "ssh -p 30000 root@host1");
  assert.equal(sshCommand(vps(), node("10.0.0.5"), "lab"), "ssh -p 30000 root@10.0.0.5");
  assert.equal(sshCommand(vps(), undefined, "lab"), "ssh -p 30000 root@n1");
});

test("another machine's loopback is not reached, one's own is", () => {
  assert.equal(sshCommand(vps(), node("127.0.0.1"), "lab"), "kohakuriver connect dev");
  assert.equal(sshCommand(vps(), node("127.0.0.1"), "127.0.0.1"), "ssh -p 30000 root@127.0.0.1");
  assert.equal(sshCommand(vps(), node("127.0.0.1"), "host1"), "ssh -p 30000 root@127.0.0.1");
  assert.equal(sshCommand(vps("team", { passwordless: true }), node("0.0.0.0"), "lab"), "kohakuriver connect dev -n team");
});

test("where SSH is not ready the command of ours leads in", () => {
  assert.equal(sshCommand(vps("team", undefined, "waiting"), node("0.0.0.0"), "lab"), "kohakuriver connect dev -n team");
});

test("nothing that a node says of itself gets into a shell", () => {
  assert.equal(sshCommand(vps(), node("0.0.0.0", "$(reboot)"), "lab"), "ssh -p 30000 root@n1");
});

test("VS Code is led by the name that ssh knows", () => {
  assert.equal(sshName(vps("team")), "dev.team.vps");
  assert.equal(vscodeLink(vps()), "vscode://vscode-remote/ssh-remote+dev.vps/root");
});
