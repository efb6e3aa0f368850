/**
 * The one command that makes another machine a node, as `kohakuriver node join` prints it: curl, with the cluster's own
 * authority alone, and the token by standard input, since everybody on a machine reads its command lines.
 */
import { base64, hex } from "./token";

const NO_CURL = "curl is not installed here: apt-get install curl, and run this again";
const REFUSED = "the API server did not hand out KohakuRiver; another token: kohakuriver node join";

export interface Server {
  /** Its address, such as https://10.0.0.1:8443. */
  url: string;
  /** Who signed its certificate, as PEM; empty where an authority of the system did. */
  authority: string;
}

/** The line to type, as root, on a machine without KohakuRiver. */
export async function command(server: Server, token: string, node: string): Promise<string> {
  const all = ["sh", "-c", script(server.authority), "sh", ...(await words(server, node))];
  return `${all.map(quoted).join(" ")} <<<${quoted(token)}`;
}

/** The line to type, as root, where KohakuRiver is installed. */
export async function installedCommand(server: Server, token: string, node: string): Promise<string> {
  const all = ["kohakuriver", "agent", "--join", ...(await words(server, node)), "--token", "-", "--install-service"];
  return `${all.map(quoted).join(" ")} <<<${quoted(token)}`;
}

/** Why no other machine can join by this address; empty where one can. */
export function obstacle(url: string): string {
  const { protocol, hostname } = new URL(url);
  if (protocol !== "https:") return `no machine joins over ${url}: the token would lie open; open this page by its https:// address`;
  if (hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname)) {
    return (
      `${hostname} is this machine alone; for others: kohakuriver down, then kohakuriver up --listen 0.0.0.0 --advertise HOST, ` +
      "with --detach or --install-service"
    );
  }
  return "";
}

async function words(server: Server, node: string): Promise<string[]> {
  const found = [server.url];
  if (server.authority) found.push("--ca-hash", `sha256:${await hashOf(server.authority)}`);
  if (node) found.push("--node", node);
  return found;
}

/** The SHA-256 of the first certificate. */
async function hashOf(pem: string): Promise<string> {
  const inside = /-----BEGIN CERTIFICATE-----([\s\S]*?)-----END CERTIFICATE-----/.exec(pem)?.[1];
  if (!inside) throw new Error("the server's authority is not a certificate");
  const der = Uint8Array.from(atob(inside.replace(/\s/g, "")), (letter) => letter.charCodeAt(0));
  return hex(await crypto.subtle.digest("SHA-256", der));
}

function script(authority: string): string {
  const trusted = authority ? '--cacert "$d/ca" --capath "$d" ' : "";
  const header = 'printf "header = \\"Authorization: Bearer %s\\"" "$KOHAKURIVER_JOIN_TOKEN"';
  const curl = 'curl -q -fsS --noproxy "*" --proto =https --retry 9 --retry-max-time 120';
  return [
    "set -eu",
    '[ -n "${KOHAKURIVER_JOIN_TOKEN:-}" ] || read -r KOHAKURIVER_JOIN_TOKEN',
    "export KOHAKURIVER_JOIN_TOKEN",
    `command -v curl >/dev/null || { echo "${NO_CURL}" >&2; exit 1; }`,
    "d=$(mktemp -d)",
    'trap "rm -rf \\"\\$d\\"" EXIT',
    ...(authority ? [`echo ${base64(new TextEncoder().encode(authority))} | base64 -d >"$d/ca"`] : []),
    `${header} | ${curl} ${trusted}-K - -o "$d/t" "$1/install/kohakuriver.tar" || { echo "${REFUSED}" >&2; exit 1; }`,
    'tar -xf "$d/t" -C "$d"',
    'bash "$d/join.sh" "$@"',
  ].join("; ");
}

/** One word for a shell. */
export function quoted(word: string): string {
  if (/^[A-Za-z0-9_@%+=:,./-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", `'"'"'`)}'`;
}
