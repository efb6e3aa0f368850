/** The cluster: its nodes and what of them is booked, who waits for room, and the Environments there are. */
import { useMemo, useRef } from "preact/hooks";
import { type Every, useEvery } from "../api/every";
import { ENVIRONMENT, NODE, NODE_ALLOCATION, VPS } from "../api/kinds";
import { type KObject } from "../api/objects";
import { isAdmin, session } from "../api/session";
import { href } from "../router";
import { Trouble } from "../ui/trouble";
import "./cluster.css";
import { Environments } from "./environments";
import { amountShown, compare, coresShown, sizeShown, type Summary, summaryOf, type View, viewOf } from "./node";
import { Nodes } from "./nodes";
import { queueOf } from "./queue";
import { Queue } from "./waiting";
import { useUsage } from "./usage";

type Objects = ReadonlyMap<string, KObject>;

export function Cluster({ parts }: { parts: readonly string[] }) {
  // What is booked, and used, by everybody is not for users to know.
  return session.value?.role === "user" ? <Drawn parts={parts} allocations={null} /> : <WithAllocations parts={parts} />;
}

function WithAllocations({ parts }: { parts: readonly string[] }) {
  const seen = useEvery(NODE_ALLOCATION);
  return <Drawn parts={parts} allocations={seen.objects.value} />;
}

function Drawn({ parts, allocations }: { parts: readonly string[]; allocations: Objects | null }) {
  const [tab = "nodes", open] = parts;
  const nodes = useEvery(NODE);
  const vpses = useEvery(VPS);
  const environments = useEvery(ENVIRONMENT);
  const seen = vpses.objects.value;
  const usage = useUsage(allocations !== null && tab === "nodes", seen.size);
  const views = useViews(nodes.objects.value, allocations, seen);
  const waiting = useMemo(() => queueOf(seen.values()), [seen]);
  const made = useMemo(() => sorted(environments.objects.value), [environments.objects.value]);
  if (nodes.state.value === "loading") return <p class="waiting">…</p>;
  const tabs: [name: string, text: string][] = [
    ["nodes", `Nodes ${views.length}`],
    ["queue", `Queue ${waiting.length}`],
    ["environments", `Environments ${made.length}`],
  ];
  return (
    <div class="cluster">
      <h1>Cluster</h1>
      <Sum summary={summaryOf(views)} waiting={waiting.length} />
      <nav class="cluster-tabs" aria-label="Parts of the cluster">
        {tabs.map(([name, text]) => <a key={name} href={href("cluster", name)} aria-current={name === tab ? "page" : undefined}>{text}</a>)}
        {isAdmin() && <a class="cluster-add" href={href("people", "join")}>Add a machine</a>}
      </nav>
      <Trouble error={refused([nodes, vpses, environments])} />
      {tab === "queue" && <Queue waiting={waiting} />}
      {tab === "environments" && <Environments all={made} />}
      {tab === "nodes" && views.length > 0 && <Nodes views={views} usage={usage} open={open} />}
      {tab === "nodes" && views.length === 0 && (
        <p class="quiet-text">There are no nodes. {isAdmin() ? "Make a machine one: Add a machine." : "Ask your administrator."}</p>
      )}
    </div>
  );
}

/** Each node for people; the same view for the same facts, so that a change of one node draws one. */
function useViews(nodes: Objects, allocations: Objects | null, vpses: Objects): View[] {
  const known = useMemo(() => new Map<string, { from: readonly unknown[]; view: View }>(), []);
  const own = useMemo(() => (allocations ? undefined : byNode(vpses.values())), [allocations === null, allocations ? undefined : vpses]);
  const order = useRef<KObject[]>([]);
  return useMemo(() => {
    for (const name of known.keys()) if (!nodes.has(name)) known.delete(name);
    order.current = sorted(nodes, order.current);
    return order.current.map((node) => {
      const name = node.metadata.name;
      const record = allocations ? allocations.get(name) : null;
      const mine = own?.get(name) ?? [];
      const from = [node, record, ...mine];
      const before = known.get(name);
      if (before && before.from.length === from.length && from.every((one, at) => one === before.from[at])) return before.view;
      const view = viewOf(node, record, mine);
      known.set(name, { from, view });
      return view;
    });
  }, [nodes, allocations, own]);
}

function byNode(vpses: Iterable<KObject>): Map<string, KObject[]> {
  const found = new Map<string, KObject[]>();
  for (const vps of vpses) {
    const node: unknown = vps.status?.assignment?.node;
    if (typeof node === "string") found.set(node, [...(found.get(node) ?? []), vps]);
  }
  return found;
}

/** Why something may not be seen; that the connection is lost stands above the page. */
const refused = (all: readonly Every[]) => all.find((one) => one.state.value === "refused")?.error.value;

/** By name, numbers in them as numbers: n2 before n10. Where the names are those of before, so is their order. */
function sorted(objects: Objects, before: readonly KObject[] = []): KObject[] {
  const again = before.map((one) => objects.get(one.metadata.name)).filter((one) => one !== undefined);
  if (again.length === objects.size) return again;
  return [...objects.values()].sort((one, other) => NAMES.compare(one.metadata.name, other.metadata.name) || compare(one.metadata.name, other.metadata.name));
}

const NAMES = new Intl.Collator("en", { numeric: true });

function Sum({ summary, waiting }: { summary: Summary; waiting: number }) {
  const { cores, memory } = summary;
  const booked = cores.held === undefined ? "" : " booked";
  const parts: [string, string][] = [
    ["nodes ready", `${summary.ready} of ${summary.nodes}`],
    [`cores${booked}`, amountShown(cores, coresShown)],
    [`memory${booked}`, amountShown(memory, sizeShown)],
    ...(summary.gpus ? ([[summary.gpusFree === undefined ? "GPUs" : "GPUs free", summary.gpusFree === undefined ? String(summary.gpus) : `${summary.gpusFree} of ${summary.gpus}`]] as [string, string][]) : []),
    ["waiting", String(waiting)],
  ];
  return (
    <dl class="cluster-sum" aria-label="The cluster in numbers">
      {parts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}
    </dl>
  );
}
