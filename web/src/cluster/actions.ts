/** What is done to a node: the same fields as the verbs of `kohakuriver node` set, for exactly this node and no namesake. */
import { ask } from "../api/http";
import { NODE, pathOf } from "../api/kinds";
import { type KObject } from "../api/objects";
import { confirm } from "../ui/dialog";
import { announce, complain } from "../ui/toasts";
import { object, type View } from "./node";

const HISTORY = "KohakuRiver-History";

async function patch(view: View, body: Record<string, unknown>): Promise<void> {
  const metadata = { ...object(body["metadata"]), uid: view.uid };
  await ask(`${pathOf(NODE, "", view.name)}?fieldManager=kohakuriver-node`, { method: "PATCH", body: { ...body, metadata } });
}

/** Does it, and says what was done or why not. */
async function doing(view: View, done: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
    announce(`node ${view.name} ${done}`);
  } catch (error) {
    complain(error, `node ${view.name}`);
  }
}

export const cordon = (view: View): Promise<void> =>
  doing(view, "is cordoned", () => patch(view, { spec: { unschedulable: true } }));

export const uncordon = (view: View): Promise<void> =>
  doing(view, "is back in use", () => patch(view, { spec: { unschedulable: null, drain: null } }));

export async function drain(view: View): Promise<void> {
  const yes = await confirm({ title: `Drain ${view.name}?`, lines: whatDrainDoes(view), action: `Drain ${view.name}` });
  if (yes) await doing(view, "will be drained", () => patch(view, { spec: { drain: true, unschedulable: true } }));
}

/** What follows from a drain, for who is asked. Pure. */
export function whatDrainDoes(view: View): string[] {
  const names = view.holders.filter((one) => !one.tombstone).map((one) => `${one.namespace}/${one.name}`);
  const some = names.slice(0, 8).join(", ");
  const more = names.length > 8 ? ` and ${names.length - 8} more` : "";
  return [
    "All VPSes on it stop, for maintenance, and no new one is placed here. Their files stay there, and uncordon starts them again.",
    names.length ? `It has ${names.length === 1 ? "1 VPS" : `${names.length} VPSes`}: ${some}${more}.` : "No VPS is placed on it.",
  ];
}

/** A person has looked at the node after the store was restored: what is declared is carried out again. */
export async function accept(view: View): Promise<void> {
  const yes = await confirm({
    title: `Accept ${view.name}?`,
    lines: [
      "What is declared is carried out on it again: VPSes are created, started, stopped, changed and removed.",
      view.strays.length
        ? `Look first at its ${view.strays.length === 1 ? "container" : `${view.strays.length} containers`} that no VPS accounts for; they stay as they are.`
        : "It names no container that no VPS accounts for.",
    ],
    action: `Accept ${view.name}`,
  });
  if (!yes) return;
  await doing(view, "is accepted", async () => {
    const answer = await ask(pathOf(NODE, "", view.name));
    const history = answer.headers.get(HISTORY) ?? "";
    const node = (await answer.json()) as KObject;
    await patch(view, { spec: { accepts: whatAccepts(node, history) } });
  });
}

/** The id of this very quarantine; of a node that has not spoken since, the history of the store. Pure. */
export function whatAccepts(node: KObject, history: string): string {
  const status = object(node.status);
  const id = object(status["quarantine"])["id"];
  return typeof id === "string" && id && status["history"] === history ? id : history;
}

/** Sets labels, or takes them away (null). Throws `ApiError`. */
export const label = (view: View, labels: Readonly<Record<string, string | null>>): Promise<void> =>
  patch(view, { metadata: { labels } });

/** What changes between the labels there are and the lines KEY=VALUE that were typed; a sentence where a line is none. Pure. */
export function labelChange(before: readonly (readonly [string, string])[], typed: string): Record<string, string | null> | string {
  const wanted = new Map<string, string>();
  for (const line of typed.split("\n").map((one) => one.trim()).filter(Boolean)) {
    const at = line.indexOf("=");
    const key = line.slice(0, at).trim();
    if (at < 1 || !key) return `invalid label "${line}": write KEY=VALUE`;
    if (wanted.has(key)) return `label ${key} is there twice`;
    wanted.set(key, line.slice(at + 1).trim());
  }
  const change: Record<string, string | null> = {};
  for (const [key] of before) if (!wanted.has(key)) change[key] = null;
  const held = new Map(before);
  for (const [key, value] of wanted) if (held.get(key) !== value) change[key] = value;
  return change;
}
