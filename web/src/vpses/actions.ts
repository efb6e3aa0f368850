/** What can be done to a VPS, and what each declares: the same as the command's verb of that name. */
import { ask } from "../api/http";
import { VPS, pathOf } from "../api/kinds";
import { condition, type KObject } from "../api/objects";
import { A_WEEK, nextWord, nodeOf, setAside, wordOf } from "../api/vps";
import { confirm, type Question } from "../ui/dialog";
import { announce, complain } from "../ui/toasts";

export type Verb = "start" | "stop" | "restart" | "replace" | "pause" | "resume" | "delete" | "force";

export interface Action {
  verb: Verb;
  /** Why it cannot be done now, where that is worth a word. */
  whyNot?: string;
}

interface Words {
  text: string;
  /** "dev is STOPPED": what is said once the server has taken it in. */
  done: string;
  isDangerous?: boolean;
}

export const WORDS: Record<Verb, Words> = {
  start: { text: "Start", done: "starts" },
  stop: { text: "Stop", done: "is being stopped" },
  restart: { text: "Restart", done: "is being restarted" },
  replace: { text: "Restart with new files", done: "is being restarted with new files", isDangerous: true },
  pause: { text: "Pause", done: "is being paused" },
  resume: { text: "Resume", done: "goes on" },
  delete: { text: "Delete", done: "is being deleted", isDangerous: true },
  force: { text: "Delete by force", done: "is being deleted by force", isDangerous: true },
};

const declared = (vps: KObject): string => vps.spec?.runState ?? "Running";

/** What makes sense for it as it stands, in the order of a menu. Pure. */
export function actionsOf(vps: KObject): readonly Action[] {
  const word = wordOf(vps);
  if (word === "terminating") return [{ verb: "force" }];
  const found: Action[] = [];
  if (word === "stopped" || declared(vps) === "Stopped") found.push(started(vps));
  if (declared(vps) === "Paused") found.push({ verb: "resume" });
  if (declared(vps) === "Running" && word === "running") found.push({ verb: "pause" });
  if (declared(vps) !== "Stopped" && word !== "stopped") {
    if (nodeOf(vps)) found.push({ verb: "restart" });
    if (wantsNewFiles(vps)) found.push({ verb: "replace" });
  }
  if (declared(vps) !== "Stopped") found.push({ verb: "stop" });
  found.push({ verb: "delete" });
  if (word === "lost") found.push({ verb: "force" });
  return found;
}

function started(vps: KObject): Action {
  if (declared(vps) !== "Running" || vps.status?.reason !== "NodeDrained") return { verb: "start" };
  return { verb: "start", whyNot: `its node ${nodeOf(vps)} is drained, and it starts by itself when the node is back in use` };
}

function wantsNewFiles(vps: KObject): boolean {
  const required = condition(vps, "RestartRequired");
  return required?.status === "True" && (required.reason === "ImageChanged" || required.reason === "FilesKept");
}

/** Whether this can be done to it now. Pure. */
export function can(vps: KObject, verb: Verb): boolean {
  return actionsOf(vps).some((action) => action.verb === verb && !action.whyNot);
}

/** The fields of spec that a verb sets; `request` is a word that was never said before. Pure. */
export function specOf(verb: Verb, vps: KObject, request: string): Record<string, unknown> {
  const restarted = { runState: "Running", restartRequest: request };
  switch (verb) {
    case "start": // one that its restart policy left ended is asked to start once more
      return wordOf(vps) === "stopped" && declared(vps) === "Running" ? restarted : { runState: "Running" };
    case "stop":
      return { runState: "Stopped" };
    case "pause":
      return { runState: "Paused" };
    case "resume":
      return { runState: "Running" };
    case "replace":
      return { ...restarted, replaceFiles: nextWord(vps), keepReplacedFiles: A_WEEK };
    default:
      return restarted;
  }
}

const NAMED = 8; // of many VPSes, in a question

/** What is asked before a verb; nothing where nothing can be lost. Pure. */
export function questionOf(verb: Verb, vpses: readonly KObject[]): Question | undefined {
  const [first] = vpses;
  if (!first) return undefined;
  const one = vpses.length === 1;
  const what = one ? first.metadata.name : `${vpses.length} VPSes`;
  const lines = one ? [] : [named(vpses)];
  const action = `${WORDS[verb].text} ${what}`;
  const its = one ? "its" : "their";
  const it = one ? "it" : "them";
  switch (verb) {
    case "stop":
      lines.push(`What runs in ${it} ends. ${one ? "Its" : "Their"} files, node, keys and SSH port are kept; ${its} cores, memory and GPUs are freed.`);
      return { title: `Stop ${what}?`, lines, action };
    case "restart":
      lines.push(`What runs in ${it} ends, and ${one ? "it starts" : "they start"} again with the same files, keys and SSH port.`);
      return { title: `Restart ${what}?`, lines, action };
    case "replace":
      lines.push(`${one ? "It begins" : "Each begins"} anew from what is declared now. Volumes and mounts stay.`);
      lines.push(one ? `The files in it now are kept for ${A_WEEK}, as the snapshot ${setAside(first, nextWord(first))}.` : `The files in them now are kept for ${A_WEEK}, as snapshots.`);
      return { title: `Give up the files of ${what}?`, lines, action, isDangerous: true };
    case "delete":
    case "force":
      lines.push(...lossOf(vpses));
      if (verb === "force") lines.push("By force: it is killed at once. Where its node is unreachable it is forgotten now, and the node removes it later.");
      return { title: `Delete ${what}?`, lines, action, isDangerous: true };
    default:
      return undefined;
  }
}

function named(vpses: readonly KObject[]): string {
  const names = vpses.slice(0, NAMED).map((vps) => vps.metadata.name).join(", ");
  return vpses.length > NAMED ? `${names} and ${vpses.length - NAMED} more.` : `${names}.`;
}

/** What is gone after a delete, and what stays. Pure. */
export function lossOf(vpses: readonly KObject[]): readonly string[] {
  const [first] = vpses;
  const kept: string[] = [];
  const lost: string[] = [];
  for (const vps of vpses) {
    const volumes: unknown = vps.spec?.volumes;
    if (!nodeOf(vps)) continue;
    for (const volume of Array.isArray(volumes) ? volumes : []) {
      const name = vpses.length === 1 ? String(volume?.name) : `${vps.metadata.name}/${volume?.name}`;
      (volume?.reclaimPolicy === "Delete" ? lost : kept).push(name);
    }
  }
  const node = first ? nodeOf(first) : "";
  const lines = [
    vpses.length === 1
      ? node
        ? `The container and all files in it, on node ${node}, are lost for good, and so are its SSH port and host key.`
        : "It is on no node and has no files: only what was declared of it is lost."
      : "The containers and all files in them are lost for good, and so are their SSH ports and host keys.",
  ];
  if (lost.length > 0) lines.push(`Volumes that are lost too: ${lost.join(", ")}.`);
  if (kept.length > 0) lines.push(`Volumes that stay on ${vpses.length === 1 ? "its node" : "their nodes"}: ${kept.join(", ")}.`);
  return lines;
}

/** Has the server do it to exactly this VPS, not to a namesake. Throws `ApiError`. */
export async function carryOut(verb: Verb, vps: KObject): Promise<void> {
  const { namespace = "", name, uid } = vps.metadata;
  const path = pathOf(VPS, namespace, name);
  if (verb === "delete" || verb === "force") {
    const now = verb === "force" ? { gracePeriodSeconds: 0 } : {};
    await ask(path, { method: "DELETE", body: { apiVersion: "v1", kind: "DeleteOptions", preconditions: { uid }, ...now } });
    return;
  }
  const request = crypto.randomUUID().replaceAll("-", "");
  await ask(`${path}?fieldManager=kohakuriver-web`, { method: "PATCH", body: { metadata: { uid }, spec: specOf(verb, vps, request) } });
}

const AT_ONCE = 4;

/** Asks where something could be lost, does it to all of them, and says how it went. Whether it was begun. */
export async function act(verb: Verb, vpses: readonly KObject[]): Promise<boolean> {
  const meant = vpses.filter((vps) => can(vps, verb));
  const question = questionOf(verb, meant);
  if (meant.length === 0 || (question && !(await confirm(question)))) return false;
  let good = 0;
  const waiting = [...meant];
  const work = async () => {
    for (let vps = waiting.shift(); vps; vps = waiting.shift()) {
      try {
        await carryOut(verb, vps);
        good++;
      } catch (error) {
        complain(error, vps.metadata.name);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const [first] = meant;
  if (good === 1 && meant.length === 1) announce(`${first?.metadata.name} ${WORDS[verb].done}`);
  else if (good > 0) announce(`${WORDS[verb].text}: ${good} of ${meant.length} VPSes`);
  return true;
}
