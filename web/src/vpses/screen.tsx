/** All VPSes: how each stands, why it does not run, the ways into it, and what can be done to it. */
import { useComputed } from "@preact/signals";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { useCollection } from "../api/collection";
import { type Every, useEvery } from "../api/every";
import { NODE, VPS } from "../api/kinds";
import { mayWrite, session } from "../api/session";
import { go, place } from "../router";
import { Copy } from "../ui/copy";
import { Dialog } from "../ui/dialog";
import { Trouble } from "../ui/trouble";
import { HELP, isBusy, type Keys, pressed } from "./keys";
import { press } from "./row";
import { chosen, type Column, IN_A_BLOCK, queryOf, type Row, rowOf, type Wanted, wantedOf } from "./rows";
import { Table } from "./table";
import { Selection, Toolbar } from "./toolbar";
import { useUsage } from "./usage";
import "./vpses.css";

export function VPSes(_: { parts: readonly string[] }) {
  const vpses = useEvery(VPS);
  useCollection(NODE); // for the SSH commands
  const filter = useRef<HTMLInputElement>(null);
  const [isHelping, setHelping] = useState(false);
  const wanted = wantedOf(place.value.query);
  const want = (changed: Partial<Wanted>) => go(`/vpses${queryOf({ ...wanted, ...changed })}`, { replace: true });
  const all = useComputed(() => [...vpses.objects.value.values()].map(rowOf)).value;
  useUsage(useMemo(() => all.filter((row) => row.word === "running").length, [all]));
  const rows = useMemo(() => chosen(all, wanted), [all, queryOf(wanted)]);
  const namespaces = useMemo(() => namespacesOf(all, wanted.namespace), [all, wanted.namespace, session.value]);
  const sort = (column: Column) => want({ sort: column, isDescending: wanted.sort === column && !wanted.isDescending });
  const withNamespace = namespaces.length > 1 && !wanted.namespace;
  const selectable = rows.some((row) => mayWrite(row.namespace));
  useKeys(rows, filter, () => setHelping(true));
  const present = useRef(rows);
  present.current = rows;
  const refocus = (key: string) => focusOn(present.current, present.current.findIndex((row) => row.key === key));

  return (
    <>
      <h1>VPSes</h1>
      <Toolbar all={wanted.namespace ? all.filter((row) => row.namespace === wanted.namespace) : all} namespaces={namespaces} wanted={wanted} want={want} filter={filter} help={() => setHelping(true)} creates={createsSomewhere()} />
      <Selection rows={rows} />
      <Absent vpses={vpses} rows={rows} all={all} clear={() => want({ filter: "", namespace: "" })} />
      {rows.length > 0 && <Table rows={rows} wanted={wanted} sort={sort} withNamespace={withNamespace} selectable={selectable} refocus={refocus} />}
      {isHelping && <Help close={() => setHelping(false)} />}
    </>
  );
}

function createsSomewhere(): boolean {
  const who = session.value;
  return who !== null && who !== undefined && who.role !== "viewer";
}

function namespacesOf(all: readonly Row[], chosenOne: string): readonly string[] {
  const found = new Set([...all.map((row) => row.namespace), ...(session.value?.namespaces ?? [])]);
  if (chosenOne) found.add(chosenOne);
  return [...found].sort();
}

/** What is said where there is no row to show, or not all may be seen. */
function Absent({ vpses, rows, all, clear }: { vpses: Every; rows: readonly Row[]; all: readonly Row[]; clear: () => void }) {
  const state = vpses.state.value;
  if (state === "refused") return <Trouble error={vpses.error.value} />;
  if (rows.length > 0) return null;
  if (all.length > 0) {
    return <p class="vpses-none">No VPS is like that. <button type="button" onClick={clear}>Show all {all.length}</button></p>;
  }
  if (state !== "live") return <p class="waiting" role="status">{state === "loading" ? "Asking for the VPSes …" : "The API server does not answer."}</p>;
  if (!createsSomewhere()) return <p class="vpses-none">There is no VPS that you may see.</p>;
  return (
    <section class="vpses-none">
      <h2>There is no VPS yet</h2>
      <p>A VPS is a machine of your own on one of the nodes: with its files, an SSH port, and as many cores, GPUs and as much memory as it asks for.</p>
      <p><a class="button primary" href="/ui/create">Create the first</a> or type it:</p>
      <p class="vpses-command"><code>{FIRST_COMMAND}</code> <Copy text={FIRST_COMMAND} what="the command" /></p>
    </section>
  );
}

const FIRST_COMMAND = "kohakuriver vps create dev --cores 1 --memory 1Gi";

function Help({ close }: { close: () => void }) {
  return (
    <Dialog title="Keys" onClose={close}>
      <dl class="vpses-keys">
        {HELP.map(([keys, does]) => (
          <div key={keys}>
            <dt>{keys.split("  ").map((key) => <kbd key={key}>{key}</kbd>)}</dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <div class="dialog-buttons"><button type="button" autofocus onClick={close}>Close</button></div>
    </Dialog>
  );
}

/** Listens while the list is on the page. */
function useKeys(rows: readonly Row[], filter: { current: HTMLInputElement | null }, help: () => void): void {
  const present = useRef({ rows, help, last: -1 });
  present.current.rows = rows;
  present.current.help = help;
  useEffect(() => {
    const keys: Keys = {
      move: (by) => {
        const { rows, last } = present.current;
        const at = aimed === undefined ? placeOfFocus(rows) : rows.findIndex((row) => row.key === aimed);
        const next = Math.max(0, Math.min(rows.length - 1, at >= 0 ? at + by : Math.max(0, last)));
        present.current.last = next;
        focusOn(rows, next);
      },
      row: (key) => {
        const row = present.current.rows[placeOfFocus(present.current.rows)];
        if (row) press(key, row);
      },
      find: () => filter.current?.select(),
      help: () => present.current.help(),
      create: () => createsSomewhere() && go("/create"),
    };
    const listen = (event: KeyboardEvent) => {
      if (!event.defaultPrevented && pressed(event, isBusy(event.target), keys)) event.preventDefault();
    };
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, []);
}

function keyOfFocus(): string | undefined {
  return document.activeElement?.closest<HTMLElement>("tr[data-key]")?.dataset["key"];
}

function placeOfFocus(rows: readonly Row[]): number {
  const key = keyOfFocus();
  return key === undefined ? -1 : rows.findIndex((row) => row.key === key);
}

/** The key of the row that gets the focus as soon as it is drawn. */
let aimed: string | undefined;
const FRAMES = 60; // that it is waited for

/** Its name gets the focus. One that is not drawn is scrolled to first, which draws it. */
function focusOn(rows: readonly Row[], at: number): void {
  const row = rows[at];
  if (!row) return;
  aimed = row.key;
  const block = Math.floor(at / IN_A_BLOCK) * IN_A_BLOCK;
  if (!linkOf(row.key)) document.querySelector(`tbody[data-first="${block}"]`)?.scrollIntoView({ block: "nearest" });
  land(row.key, FRAMES);
}

function linkOf(key: string): HTMLElement | null {
  return document.querySelector<HTMLElement>(`tbody:not([data-late]) tr[data-key="${CSS.escape(key)}"] .vpses-name a`);
}

function land(key: string, frames: number): void {
  if (aimed !== key) return;
  const link = linkOf(key);
  if (!link && frames > 0) return void requestAnimationFrame(() => land(key, frames - 1));
  aimed = undefined;
  link?.focus({ preventScroll: true });
  link?.closest("tr")?.scrollIntoView({ block: "nearest" });
}
