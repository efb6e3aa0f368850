/** The nodes: how each stands, what of it is booked, who has its GPUs, and what can be done with it. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { isAdmin } from "../api/session";
import { href } from "../router";
import { Menu } from "../ui/menu";
import { Meter } from "../ui/meter";
import { StateWord } from "../ui/state";
import * as actions from "./actions";
import { Chunks } from "./chunks";
import { Detail } from "./detail";
import { GPUs } from "./gpus";
import { Labels } from "./labels";
import { type Amount, amountShown, coresShown, sizeShown, type View } from "./node";
import { type Usage } from "./usage";

interface Shown {
  views: readonly View[];
  usage: ReadonlyMap<string, Usage>;
  /** The name of the node that is shown in full. */
  open: string | undefined;
}

export function Nodes({ views, usage, open }: Shown) {
  const [wanted, setWanted] = useState("");
  const [labeled, setLabeled] = useState<View>();
  const found = useMemo(() => views.filter((view) => matches(view, wanted)), [views, wanted]);
  return (
    <section aria-label="Nodes">
      {views.length > 8 && (
        <p class="cluster-filter">
          <input
            type="search"
            aria-label="Find nodes"
            placeholder="Find by name, state, label, GPU or VPS"
            value={wanted}
            onInput={(event) => setWanted(event.currentTarget.value)}
          />
          <span class="quiet-text" role="status">{wanted && `${found.length} of ${views.length}`}</span>
        </p>
      )}
      <div role="list" class="cluster-nodes">
        <Chunks
          items={found}
          each={4}
          height={120}
          shown={Math.max(0, found.findIndex((view) => view.name === open))}
          draw={(view) => <Row key={view.name} view={view} usage={usage.get(view.name)} isOpen={view.name === open} onLabel={setLabeled} />}
        />
      </div>
      {labeled && <Labels view={labeled} onClose={() => setLabeled(undefined)} />}
    </section>
  );
}

/** Whether every word of what was typed is somewhere in what is shown of a node. Pure. */
export function matches(view: View, wanted: string): boolean {
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  const shown = [
    view.name,
    ...view.standing.map((one) => one.word),
    ...view.labels.map(([key, value]) => `${key}=${value}`),
    ...view.gpus.map((one) => one.model),
    ...view.holders.map((one) => `${one.namespace}/${one.name}`),
  ].join("\n").toLowerCase();
  return words.every((word) => shown.includes(word));
}

interface One {
  view: View;
  usage: Usage | undefined;
  isOpen: boolean;
  onLabel: (view: View) => void;
}

function Row(props: One) {
  // The same element for the same facts, so that a change of one node draws one row.
  return useMemo(() => <Drawn {...props} />, [props.view, props.usage, props.isOpen, props.onLabel]);
}

function Drawn({ view, usage, isOpen, onLabel }: One) {
  const word = view.standing.map((one) => one.word).join(",");
  const row = useRef<HTMLDivElement>(null);
  useEffect(() => void (isOpen && row.current?.scrollIntoView({ block: "nearest" })), [isOpen]);
  const reasons = view.standing.filter((one) => one.why);
  return (
    <div ref={row} role="listitem" class="cluster-node" id={`node-${view.name}`}>
      <div class="cluster-head">
        <h2><a href={isOpen ? href("cluster") : href("cluster", "nodes", view.name)} aria-expanded={isOpen}>{view.name}</a></h2>
        <StateWord word={word} />
      </div>
      <div class="cluster-meters">
        <Bar label="cores" amount={view.cores} written={coresShown} more={[view.sharing, uses(usage && coresShown(usage.millicores))]} />
        <Bar label="memory" amount={view.memory} written={sizeShown} more={[uses(usage && sizeShown(usage.bytes))]} />
        <Bar label="SSH ports" amount={view.ports} written={String} more={[]} />
        <span class="cluster-bar">
          <span class="cluster-label">disk</span>
          <span>{view.disk === undefined ? "–" : view.disk ? `${sizeShown(view.disk)} declared` : "none declared"}</span>
        </span>
      </div>
      <div class="cluster-act">
        {isAdmin() && <Menu label={`Actions for ${view.name}`} items={itemsFor(view, onLabel)} class="quiet">⋯</Menu>}
      </div>
      {reasons.map((one) => <p key={one.word} class={`cluster-why cluster-${one.tone}`}><b>{one.word}</b> {one.why}</p>)}
      <GPUs view={view} />
      {isOpen && <Detail view={view} />}
    </div>
  );
}

const uses = (shown: string | undefined): string => (shown === undefined ? "" : `uses ${shown}`);

interface BarShown {
  label: string;
  amount: Amount;
  written: (value: number) => string;
  more: readonly string[];
}

function Bar({ label, amount, written, more }: BarShown) {
  const text = amountShown(amount, written);
  const rest = more.filter(Boolean).join(", ");
  return (
    <span class="cluster-bar">
      <span class="cluster-label">{label}</span>
      {amount.held === undefined || amount.there === undefined ? <span>{text}</span> : <Meter label={label} used={amount.held} total={amount.there} text={text} />}
      {rest && <small>{rest}</small>}
    </span>
  );
}

function itemsFor(view: View, onLabel: (view: View) => void) {
  const isOut = view.isCordoned || view.isDraining;
  return [
    isOut
      ? { text: "Uncordon", act: () => void actions.uncordon(view) }
      : { text: "Cordon", act: () => void actions.cordon(view) },
    ...(view.isDraining ? [] : [{ text: "Drain…", act: () => void actions.drain(view), isDangerous: true }]),
    ...(view.quarantine ? [{ text: "Accept…", act: () => void actions.accept(view) }] : []),
    { text: "Labels…", act: () => onLabel(view) },
  ];
}
