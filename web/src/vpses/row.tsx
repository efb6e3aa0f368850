/** One VPS in the list. */
import { useMemo } from "preact/hooks";
import { mayWrite } from "../api/session";
import { collectionOf } from "../api/collection";
import { NODE } from "../api/kinds";
import { bytes, cores } from "../api/quantity";
import { sshPortOf, waitsForRestart } from "../api/vps";
import { go, href } from "../router";
import { Ago } from "../ui/clock";
import { copy } from "../ui/copy";
import { type Item, Menu } from "../ui/menu";
import { Meter } from "../ui/meter";
import { StateWord } from "../ui/state";
import { act, actionsOf, can, type Verb, WORDS } from "./actions";
import { sshCommand, sshName, vscodeLink } from "./reach";
import type { Row } from "./rows";
import { selected, toggle } from "./selection";
import { used } from "./usage";

interface Shown {
  row: Row;
  /** Counted from 1, of all that are wanted. */
  place: number;
  withNamespace: boolean;
}

export function VPSRow({ row, place, withNamespace }: Shown) {
  const writes = mayWrite(row.namespace);
  return useMemo(() => <Drawn row={row} place={place} withNamespace={withNamespace} writes={writes} />, [row, place, withNamespace, writes]);
}

function Drawn({ row, place, withNamespace, writes }: Shown & { writes: boolean }) {
  const why = row.why || waitsForRestart(row.vps);
  return (
    <tr role="row" aria-rowindex={place + 1} class="vpses-row" data-key={row.key}>
      <td role="cell" class="vpses-tick">{writes && <Tick row={row} />}</td>
      <td role="cell" class="vpses-name">
        <a href={href("vps", row.namespace, row.name)}>{row.name}</a>
        {withNamespace && <span class="vpses-namespace">{row.namespace}</span>}
      </td>
      <td role="cell" class="vpses-state"><StateWord word={row.word} /></td>
      <td role="cell" class="vpses-node">{row.node || "-"}</td>
      <td role="cell" class="vpses-cores"><Cores row={row} /></td>
      <td role="cell" class="vpses-memory"><Memory row={row} /></td>
      <td role="cell" class="vpses-age"><Ago time={row.created} /></td>
      <td role="cell" class="vpses-actions">{writes && <Actions row={row} />}</td>
      <td role="cell" class="vpses-why">{why}</td>
    </tr>
  );
}

function Tick({ row }: { row: Row }) {
  return <input type="checkbox" aria-label={`Select ${row.name}`} checked={selected.value.has(row.key)} onChange={() => toggle(row.key)} />;
}

function Cores({ row }: { row: Row }) {
  const found = used.value.get(row.key);
  const { cores: all, gpus } = row.holds;
  const more = gpus === 0 ? "" : gpus === 1 ? " + 1 GPU" : ` + ${gpus} GPUs`;
  if (!found || row.word !== "running") return <span class="vpses-held">{cores(all)}{more}</span>;
  return <Meter label="cores" used={found.cores} total={all} text={`${found.cores.toFixed(2)} of ${cores(all)}${more}`} />;
}

function Memory({ row }: { row: Row }) {
  const found = used.value.get(row.key);
  const { memory: all, memoryText } = row.holds;
  if (!found || row.word !== "running" || all === undefined) return <span class="vpses-held">{memoryText}</span>;
  return <Meter label="memory" used={found.memory} total={all} text={`${bytes(found.memory)} of ${memoryText}`} />;
}

/** What one wants next of it, and a menu with all else. */
function Actions({ row }: { row: Row }) {
  const { vps, name } = row;
  const first = (["start", "resume"] as const).find((verb) => can(vps, verb));
  return (
    <>
      {row.word === "running" && (
        <>
          <a class="button vpses-quick" href={terminalOf(row)} aria-label={`Terminal of ${name}`}>Terminal</a>
          {sshPortOf(vps) !== undefined && (
            <button type="button" class="vpses-quick" aria-label={`Copy the SSH command of ${name}`} title={commandOf(row)} onClick={() => copySSH(row)}>SSH</button>
          )}
          {sshPortOf(vps) !== undefined && (
            <a class="button vpses-quick" href={vscodeLink(vps)} aria-label={`Open ${name} in VS Code`} title={`opens ${sshName(vps)}; once before: kohakuriver ssh-config --install`}>VS Code</a>
          )}
        </>
      )}
      {first && <button type="button" class="vpses-quick" aria-label={`${WORDS[first].text} ${name}`} onClick={() => void act(first, [vps])}>{WORDS[first].text}</button>}
      <Menu label={`Actions on ${name}`} class="quiet vpses-more" items={itemsOf(row)}>⋯</Menu>
    </>
  );
}

const KEYS: Partial<Record<Verb, string>> = { start: "s", stop: "s", restart: "r", pause: "p", resume: "p", delete: "d" };

function itemsOf(row: Row): readonly Item[] {
  const opens: Item[] = [{ text: "Open", keys: "Enter", act: () => go(pathOf(row)) }];
  if (row.word === "running") opens.push({ text: "Terminal", keys: "t", act: () => go(`${pathOf(row)}/terminal`) });
  if (row.word === "running") opens.push({ text: "Copy SSH command", keys: "c", act: () => copySSH(row) });
  const verbs = actionsOf(row.vps).map(({ verb, whyNot }): Item => {
    const item: Item = { text: WORDS[verb].text, act: () => void act(verb, [row.vps]), isDangerous: WORDS[verb].isDangerous ?? false };
    const keys = KEYS[verb];
    return { ...item, ...(keys ? { keys } : {}), ...(whyNot ? { whyNot } : {}) };
  });
  return [...opens, ...verbs];
}

function pathOf(row: Row): string {
  return `/vps/${encodeURIComponent(row.namespace)}/${encodeURIComponent(row.name)}`;
}

function terminalOf(row: Row): string {
  return href("vps", row.namespace, row.name, "terminal");
}

function commandOf(row: Row): string {
  return sshCommand(row.vps, collectionOf(NODE).objects.peek().get(row.node), location.hostname);
}

function copySSH(row: Row): void {
  void copy(commandOf(row), `the SSH command of ${row.name}`);
}

/** What a key does to a row. */
export function press(key: string, row: Row): void {
  if (key === "t" && row.word === "running" && mayWrite(row.namespace)) return go(`${pathOf(row)}/terminal`);
  if (key === "c" && row.word === "running") return copySSH(row);
  if (!mayWrite(row.namespace)) return;
  if (key === "x") return toggle(row.key);
  const meant: Record<string, readonly Verb[]> = { s: ["start", "stop"], r: ["restart"], p: ["pause", "resume"], d: ["delete"] };
  const verb = meant[key]?.find((one) => can(row.vps, one));
  if (verb) void act(verb, [row.vps]);
}
