/** Above the list: filter, namespace, how many stand how; and what to do to those that are ticked. */
import type { RefObject } from "preact";
import { mayWrite } from "../api/session";
import { href } from "../router";
import { StateWord } from "../ui/state";
import { act, can, type Verb, WORDS } from "./actions";
import { counted, type Row, type Wanted } from "./rows";
import { clear, selected } from "./selection";

interface Shown {
  all: readonly Row[];
  namespaces: readonly string[];
  wanted: Wanted;
  want: (changed: Partial<Wanted>) => void;
  filter: RefObject<HTMLInputElement | null>;
  help: () => void;
  creates: boolean;
}

export function Toolbar({ all, namespaces, wanted, want, filter, help, creates }: Shown) {
  return (
    <div class="vpses-toolbar">
      <label class="vpses-unseen" for="vpses-filter">Filter the VPSes</label>
      <input
        id="vpses-filter"
        ref={filter}
        type="search"
        placeholder="Filter: name, node, state, label …"
        title="press /"
        autocomplete="off"
        spellcheck={false}
        value={wanted.filter}
        onInput={(event) => want({ filter: event.currentTarget.value })}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          want({ filter: "" });
          event.currentTarget.blur();
        }}
      />
      {namespaces.length > 1 && (
        <select aria-label="Namespace" value={wanted.namespace} onChange={(event) => want({ namespace: event.currentTarget.value })}>
          <option value="">All namespaces</option>
          {namespaces.map((name) => <option key={name} value={name}>{name}</option>)}
        </select>
      )}
      <span class="vpses-counts">
        {counted(all).map(([word, count]) => (
          <button
            key={word}
            type="button"
            class="quiet"
            aria-pressed={wanted.filter === word}
            title={wanted.filter === word ? "show all again" : `only those that are ${word}`}
            onClick={() => want({ filter: wanted.filter === word ? "" : word })}
          >
            {count} <StateWord word={word} />
          </button>
        ))}
      </span>
      <button type="button" class="quiet" aria-label="Keys" title="keys (?)" onClick={help}>?</button>
      {creates && <a class="button primary" href={href("create")}>Create a VPS</a>}
    </div>
  );
}

const IN_BULK: readonly Verb[] = ["start", "stop", "restart", "pause", "resume", "delete"];

/** Only while something is ticked. */
export function Selection({ rows }: { rows: readonly Row[] }) {
  const meant = rows.filter((row) => selected.value.has(row.key) && mayWrite(row.namespace));
  if (meant.length === 0) return null;
  const vpses = meant.map((row) => row.vps);
  return (
    <div class="vpses-selection" role="region" aria-label="Selected VPSes">
      <strong>{meant.length} selected</strong>
      {IN_BULK.map((verb) => {
        const count = vpses.filter((vps) => can(vps, verb)).length;
        if (count === 0) return null;
        return (
          <button key={verb} type="button" class={WORDS[verb].isDangerous ? "danger" : ""} onClick={() => void act(verb, vpses).then((begun) => begun && clear())}>
            {WORDS[verb].text} {count < meant.length ? `(${count})` : ""}
          </button>
        );
      })}
      <button type="button" class="quiet" onClick={clear}>Clear</button>
    </div>
  );
}
