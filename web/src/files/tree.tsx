/** The folders and files as a tree, beside the list or the editor where there is room. */
import { useEffect, useMemo, useState } from "preact/hooks";
import { type Entry, folderOf, isFolder, joinPath, nameOf, sorted } from "./entry";
import { Icon, Name } from "./name";
import { toFile, toFolder } from "./places";
import { shown } from "./printable";
import { pageOf, Rows } from "./rows";
import type { Listing, Workspace } from "./workspace";

export interface Line {
  entry: Entry;
  path: string;
  level: number;
  isOpen: boolean;
}

/** The lines of the tree below a folder, as far as it is open. Pure. */
export function linesOf(
  top: string,
  listings: ReadonlyMap<string, Pick<Listing, "entries">>,
  expanded: ReadonlySet<string>,
  showsHidden: boolean,
  level = 1,
): Line[] {
  const found: Line[] = [];
  const all = listings.get(top)?.entries ?? [];
  for (const entry of sorted(showsHidden ? all : all.filter((one) => !one.name.startsWith(".")))) {
    const path = joinPath(top, entry.name);
    const isOpen = isFolder(entry) && expanded.has(path);
    found.push({ entry, path, level, isOpen });
    // A link may lead to a folder above it: no tree is opened through more of them than anybody has.
    if (isOpen && level < 40) for (const line of linesOf(path, listings, expanded, showsHidden, level + 1)) found.push(line);
  }
  return found;
}

export function Tree({ at, top }: { at: Workspace; top: string }) {
  const { listings, expanded, showsHidden } = at;
  const lines = useMemo(
    () => linesOf(top, listings.value, expanded.value, showsHidden.value),
    [top, listings.value, expanded.value, showsHidden.value],
  );
  const [cursor, setCursor] = useState(0);
  useEffect(() => {
    if (!listings.peek().has(top)) void at.list(top);
  }, [at, top]);
  const folder = at.folder.value;
  useEffect(() => at.reveal(top, folder), [at, top, folder]);
  const here = Math.min(cursor, lines.length - 1);
  const current = lines[here];
  const open = (line: Line) => (isFolder(line.entry) ? at.toggle(line.path) : toFile(at, line.path));
  const keys = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = pageOf(event.currentTarget as HTMLElement);
    const to: Record<string, number> = {
      ArrowDown: here + 1, ArrowUp: here - 1, PageDown: here + page, PageUp: here - page, Home: 0, End: lines.length - 1,
    };
    const step = to[event.key];
    if (step !== undefined) setCursor(Math.max(0, Math.min(lines.length - 1, step)));
    else if (!current) return;
    else if (event.key === "Enter" || event.key === " ") open(current);
    else if (event.key === "ArrowRight" && isFolder(current.entry)) current.isOpen ? setCursor(here + 1) : at.toggle(current.path);
    else if (event.key === "ArrowLeft") {
      if (current.isOpen) at.toggle(current.path);
      else setCursor(Math.max(0, lines.findIndex((line) => line.path === folderOf(current.path))));
    } else if (event.key.length === 1) {
      const letter = event.key.toLowerCase();
      const index = lines.findIndex((_, step_) => lines[(here + 1 + step_) % lines.length]?.entry.name.toLowerCase().startsWith(letter));
      if (index >= 0) setCursor((here + 1 + index) % lines.length);
    } else return;
    event.preventDefault();
  };
  const row = (index: number) => {
    const line = lines[index];
    if (!line) return null;
    const { entry, path, level, isOpen } = line;
    const isActive = at.active.value ? path === at.active.value : path === at.folder.value;
    return (
      <div
        role="treeitem"
        key={path}
        id={`files-leaf-${index}`}
        class={`files-leaf${index === here ? " files-here" : ""}${isActive ? " files-active" : ""}`}
        aria-level={level}
        aria-expanded={isFolder(entry) ? isOpen : undefined}
        aria-selected={isActive}
        title={shown(nameOf(path))}
        style={{ paddingLeft: `${(level - 1) * 14 + 4}px` }}
        onClick={() => {
          setCursor(index);
          open(line);
        }}
        onDblClick={() => isFolder(entry) && toFolder(at, path)}
      >
        <span class="files-twist" aria-hidden="true">{isFolder(entry) ? (isOpen ? "▾" : "▸") : ""}</span>
        <Icon entry={entry} />
        <Name text={entry.name} />
      </div>
    );
  };
  if (lines.length === 0) return null;
  return (
    <Rows
      role="tree"
      class="files-tree"
      aria-label={`Tree of ${shown(top)}`}
      aria-activedescendant={current ? `files-leaf-${here}` : undefined}
      count={lines.length}
      at={here}
      row={row}
      onKeyDown={keys}
    />
  );
}
