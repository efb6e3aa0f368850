/** How one gets into a VPS from one's own machine. Pure. */
import type { KObject } from "../api/objects";
import { observedOf, sshPortOf } from "../api/vps";

const LOOPBACK = ["127.0.0.1", "::1", "localhost"];
const PLAIN_HOST = /^[A-Za-z0-9:][-A-Za-z0-9.:_]*$/;

/** What a node says of itself, where a person will paste it into a shell; nothing if it is not a host. */
function plain(said: unknown): string {
  return typeof said === "string" && PLAIN_HOST.test(said) ? said : "";
}

/** The host that its SSH port is on, as `vps status` names it; empty where that is another machine's loopback. */
function host(vps: KObject, node: KObject | undefined, pageHost: string): string {
  const named = plain(node?.status?.nodeInfo?.hostname);
  const bound = plain(node?.status?.sshPorts?.address);
  const open = bound && bound !== "0.0.0.0" && bound !== "::" ? bound : named || plain(vps.status?.assignment?.node);
  const found = vps.spec?.ssh?.passwordless ? "127.0.0.1" : open;
  return LOOPBACK.includes(found) && !LOOPBACK.includes(pageHost) && pageHost !== named ? "" : found;
}

/**
 * The command to type: `ssh -p 30000 root@n1`, or `kohakuriver connect dev` where SSH is not ready or not reached
 * from elsewhere. `pageHost` is the host that this page was loaded from.
 */
export function sshCommand(vps: KObject, node: KObject | undefined, pageHost: string): string {
  const port = sshPortOf(vps);
  const found = port && observedOf(vps).ssh?.state === "ready" ? host(vps, node, pageHost) : "";
  if (found) return `ssh -p ${port} root@${found}`;
  const { namespace = "default", name } = vps.metadata;
  return `kohakuriver connect ${name}${namespace === "default" ? "" : ` -n ${namespace}`}`;
}

/** The name that ssh knows it by after `kohakuriver ssh-config --install`. */
export function sshName(vps: KObject): string {
  const { namespace = "default", name } = vps.metadata;
  return namespace === "default" ? `${name}.vps` : `${name}.${namespace}.vps`;
}

/** Opens it in VS Code, which asks ssh for that name. */
export function vscodeLink(vps: KObject): string {
  return `vscode://vscode-remote/ssh-remote+${encodeURIComponent(sshName(vps))}/root`;
}
