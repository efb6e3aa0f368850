/** One folder: what is in it, to be gone through, chosen from and opened. */
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { bytes } from "../api/quantity";
import { age, moment } from "../ui/clock";
import { type Entry, folderOf, isFolder, joinPath, kindWord, modeWord, sorted, type SortBy } from "./entry";
import { Icon, Name } from "./name";
import { linkTo, toFile, toFolder } from "./places";
import { shown } from "./printable";
import { pageOf, Rows } from "./rows";
import type { Workspace } from "./workspace";

export interface Acts {
  rename: (entry: Entry) => void;
  remove: (entries: readonly Entry[]) => void;
  download: (entries: readonly Entry[]) => void;
}

interface Shown {
  at: Workspace;
  folder: string;
  acts: Acts;
  /** Told of what is chosen. */
  chosen: (entries: readonly Entry[]) => void;
}

const COLUMNS: readonly (readonly [SortBy, string])[] = [["name", "Name"], ["size", "Size"], ["mtime", "Changed"], ["mode", "Mode"]];
const TYPED_WITHIN = 900; // ms between two letters of one name

export function FolderList({ at, folder, acts, chosen }: Shown) {
  const listing = at.listings.value.get(folder);
  const [by, setBy] = useState<SortBy>("name");
  const [isDown, setDown] = useState(false);
  const [marked, setMarked] = useState<ReadonlySet<string>>(new Set());
  const [cursor, setCursor] = useState<{ index: number; name?: string }>({ index: 0 });
  const anchor = useRef(0);
  const typed = useRef({ letters: "", at: 0 });
  const showsHidden = at.showsHidden.value;
  const entries = useMemo(() => {
    const all = listing?.entries ?? [];
    return sorted(showsHidden ? all : all.filter((one) => !one.name.startsWith(".")), by, isDown);
  }, [listing?.entries, by, isDown, showsHidden]);

  useEffect(() => {
    move(0, false);
    setMarked(new Set());
  }, [folder]);
  const pointed = at.pointed.value;
  useEffect(() => {
    const index = pointed ? entries.findIndex((one) => one.name === pointed) : -1;
    if (index < 0) return;
    move(index, false);
    at.pointed.value = "";
  }, [pointed, entries]);
  const present = marked.size ? entries.filter((one) => marked.has(one.name)) : [];
  useEffect(() => chosen(present), [marked, entries]);

  const here = placeOf(cursor, entries);
  const current = entries[here];
  function move(to: number, extends_: boolean) {
    const next = Math.max(0, Math.min(entries.length - 1, to));
    setCursor({ index: next, ...(entries[next] ? { name: entries[next].name } : {}) });
    if (extends_) {
      const [first, last] = [Math.min(anchor.current, next), Math.max(anchor.current, next)];
      setMarked(new Set(entries.slice(first, last + 1).map((one) => one.name)));
    } else anchor.current = next;
  }
  const toggle = (entry: Entry) => {
    const next = new Set(marked);
    if (!next.delete(entry.name)) next.add(entry.name);
    setMarked(next);
  };
  const open = (entry: Entry) => {
    const path = joinPath(folder, entry.name);
    if (isFolder(entry)) toFolder(at, path);
    else toFile(at, path);
  };
  const meant = () => (present.length ? present : current ? [current] : []);

  const keys = (event: KeyboardEvent) => {
    const page = pageOf(event.currentTarget as HTMLElement);
    const to: Record<string, number> = {
      ArrowDown: here + 1, ArrowUp: here - 1, PageDown: here + page, PageUp: here - page, Home: 0, End: entries.length - 1,
    };
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
    const step = to[event.key];
    if (step !== undefined && isPlain) move(step, event.shiftKey);
    else if (event.key === "Enter" && isPlain && current) open(current);
    else if (event.key === "Backspace" && isPlain) folder !== "/" && toFolder(at, folderOf(folder));
    else if (event.key === "F2" && current) acts.rename(meant()[0] ?? current);
    else if (event.key === "Delete" && current) acts.remove(meant());
    else if (event.key === "Escape" && marked.size) setMarked(new Set());
    else if (event.key === "a" && (event.ctrlKey || event.metaKey)) setMarked(new Set(entries.map((one) => one.name)));
    else if (event.key === " " && isPlain && !typed.current.letters && current) {
      toggle(current);
      move(here + 1, false);
    } else if (event.key.length === 1 && isPlain) find(event.key, event.timeStamp);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  function find(letter: string, when: number) {
    const letters = (when - typed.current.at < TYPED_WITHIN ? typed.current.letters : "") + letter.toLowerCase();
    typed.current = { letters, at: when };
    setTimeout(() => typed.current.letters === letters && (typed.current = { letters: "", at: 0 }), TYPED_WITHIN);
    const start = letters.length === 1 ? here + 1 : here;
    for (let step = 0; step < entries.length; step++) {
      const index = (start + step) % entries.length;
      if (entries[index]?.name.toLowerCase().startsWith(letters)) return move(index, false);
    }
  }

  const head = (
    <div role="row" class="files-row files-head" aria-rowindex={1}>
      <span role="columnheader" class="files-mark"><span class="files-unseen">Chosen</span></span>
      {COLUMNS.map(([column, text]) => (
        <span
          role="columnheader"
          key={column}
          class={`files-cell-${column}`}
          aria-sort={by === column ? (isDown ? "descending" : "ascending") : undefined}
        >
          <button
            type="button"
            tabIndex={-1}
            onClick={() => {
              setDown(by === column ? !isDown : column === "size" || column === "mtime");
              setBy(column);
            }}
          >
            {text}{by === column && <span aria-hidden="true">{isDown ? " ↓" : " ↑"}</span>}
          </button>
        </span>
      ))}
    </div>
  );
  const row = (index: number) => {
    const entry = entries[index];
    if (!entry) return null;
    const path = joinPath(folder, entry.name);
    const folderish = isFolder(entry);
    const isMarked = marked.has(entry.name);
    return (
      <div
        role="row"
        key={entry.name}
        id={`files-row-${index}`}
        class={`files-row${index === here ? " files-here" : ""}${isMarked ? " files-marked" : ""}`}
        aria-rowindex={index + 2}
        aria-selected={isMarked}
        onClick={(event) => {
          if (event.shiftKey) move(index, true);
          else {
            move(index, false);
            if (event.ctrlKey || event.metaKey) toggle(entry);
            else setMarked(new Set());
          }
        }}
        onDblClick={() => open(entry)}
      >
        <span role="gridcell" class="files-mark">
          <input
            type="checkbox"
            tabIndex={-1}
            checked={isMarked}
            aria-label={`Choose ${shown(entry.name)}`}
            onClick={(event) => event.stopPropagation()}
            onChange={() => {
              toggle(entry);
              move(index, false);
            }}
          />
        </span>
        <span role="gridcell" class="files-cell-name" title={`${shown(entry.name)}\n${kindWord(entry)}`}>
          <Icon entry={entry} />
          <Opening link={linkTo(at, folderish ? path : folder, folderish ? "" : path)} open={() => open(entry)}><Name text={entry.name} /></Opening>
          {entry.kind !== "file" && entry.kind !== "folder" && <span class="files-kind">{kindWord(entry)}</span>}
        </span>
        <span role="gridcell" class="files-cell-size">{entry.kind === "file" ? bytes(entry.size) : ""}</span>
        <span role="gridcell" class="files-cell-mtime" title={moment(new Date(entry.mtime * 1000).toISOString())}>
          {age(Date.now() / 1000 - entry.mtime)}
        </span>
        <span role="gridcell" class="files-cell-mode mono">{modeWord(entry.mode)}</span>
      </div>
    );
  };
  return (
    <>
      <Rows
        role="grid"
        class="files-list"
        aria-label={`Files in ${shown(folder)}`}
        aria-rowcount={entries.length + 1}
        aria-multiselectable="true"
        aria-activedescendant={current ? `files-row-${here}` : undefined}
        aria-busy={listing?.isLoading}
        count={entries.length}
        at={here}
        row={row}
        head={head}
        focusKey={`${at.focusing.value} ${folder}`}
        onKeyDown={keys}
      />
      {entries.length === 0 && listing && !listing.isLoading && !listing.trouble && (
        <p class="files-empty">{listing.entries.length ? `Nothing but ${listing.entries.length} hidden files.` : "This folder is empty."}</p>
      )}
    </>
  );
}

/** Where the keys are: at the same name as before, else at what took its place. */
function placeOf(cursor: { index: number; name?: string }, entries: readonly Entry[]): number {
  const { index, name } = cursor;
  if (name === undefined || entries[index]?.name === name) return Math.min(index, entries.length - 1);
  const found = entries.findIndex((one) => one.name === name);
  return found >= 0 ? found : Math.min(index, entries.length - 1);
}

interface Opened {
  link: string | undefined;
  open: () => void;
  /** Whether the Tab key comes to it; in a list the arrows do. */
  isTabbed?: boolean;
  children: ComponentChildren;
}

/** A real link where the name can be part of one, so that it opens in a new tab of the browser too. */
export function Opening({ link, open, children, isTabbed }: Opened) {
  const tabIndex = isTabbed ? 0 : -1;
  const act = (event: MouseEvent) => {
    event.stopPropagation();
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open();
  };
  if (!link) return <button type="button" class="files-link" tabIndex={tabIndex} onClick={act}>{children}</button>;
  return <a class="files-link" href={link} tabIndex={tabIndex} draggable={false} onClick={act}>{children}</a>;
}
