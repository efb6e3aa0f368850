/** What a VPS's JSON says, in the words of every table of the command. Anything may be absent. Pure. */
import { condition, type KObject } from "./objects";
import { quantity } from "./quantity";

/** How it stands, in one word. */
export function wordOf(vps: KObject): string {
  if (vps.metadata.deletionTimestamp) return "terminating";
  return text(vps.status?.phase) || "pending";
}

/** The server's sentence for why it does not run, or what is wrong though it does; empty where all is well. */
export function whyOf(vps: KObject): string {
  const message = text(vps.status?.message);
  if (message) return message;
  const reason = text(vps.status?.reason);
  return reason.toLowerCase() === text(vps.status?.phase) ? "" : reason;
}

/** The node it is bound to; empty while it has none. */
export function nodeOf(vps: KObject): string {
  return text(vps.status?.assignment?.node);
}

/** What the agent of its present placement saw; nothing where only an earlier one is known. */
export function observedOf(vps: KObject): any {
  const observed = vps.status?.observed;
  return observed && observed.epoch === vps.status?.assignment?.epoch ? observed : {};
}

export interface Holds {
  cores: number;
  memory: number | undefined;
  /** The same as it was declared or granted: "4Gi"; "-" where it is unknown. */
  memoryText: string;
  gpus: number;
}

/** What it holds on its node, or asks for while it has none. */
export function holdsOf(vps: KObject): Holds {
  const grant = vps.status?.assignment?.grant ?? {};
  const asked = vps.spec?.resources ?? {};
  const wanted = vps.spec?.placement?.gpus;
  const ids = Array.isArray(wanted?.ids) ? wanted.ids.length : 0;
  const held = Array.isArray(grant.gpus) ? grant.gpus.length : 0;
  const memory = quantity(grant.memory) === undefined ? asked.memory : grant.memory;
  return {
    cores: quantity(grant.cores) ?? quantity(asked.cores) ?? 1,
    memory: quantity(memory),
    memoryText: quantity(memory) === undefined ? "-" : String(memory),
    gpus: held || ids || (typeof wanted?.count === "number" ? wanted.count : wanted ? 1 : 0),
  };
}

/** How long files that others replace are kept, where nobody says for how long. */
export const A_WEEK = "7d";

/** The owner's word that the files may go: higher than any that was ever heard, so that it counts whatever was declared before. */
export function nextWord(vps: KObject): number {
  const heard = (word: unknown) => (typeof word === "number" ? word : 0);
  return Math.max(heard(vps.spec?.replaceFiles), heard(observedOf(vps).replaceFiles)) + 1;
}

/** The name under which an agent keeps the files that this word has given up. */
export function setAside(vps: KObject, word: number): string {
  return `${vps.metadata.name}-before-${word}`;
}

/** Its SSH port on its node. */
export function sshPortOf(vps: KObject): number | undefined {
  const port = vps.status?.assignment?.grant?.sshPort;
  return typeof port === "number" ? port : undefined;
}

/** What a restart would bring into effect; empty where nothing waits for one. */
export function waitsForRestart(vps: KObject): string {
  const found = condition(vps, "RestartRequired");
  return found?.status === "True" ? found.message || "a change waits for a restart" : "";
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
