/** Open by a part of a name: Ctrl-P. Names come in while one types. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Dialog } from "../ui/dialog";
import { Trouble } from "../ui/trouble";
import { FilesClient } from "./client";
import { folderOf, joinPath, nameOf } from "./entry";
import { best } from "./fuzzy";
import { Name } from "./name";
import { toFile } from "./places";
import { shown } from "./printable";
import { opener } from "./socket";
import type { Workspace } from "./workspace";

const NAMES = 20_000; // that are walked
const SHOWN = 50;
const RANK_AFTER = 100; // ms

export function QuickOpen({ at, folder, close }: { at: Workspace; folder: string; close: () => void }) {
  const [query, setQuery] = useState("");
  const [paths, setPaths] = useState<readonly string[]>([]);
  const [isComplete, setComplete] = useState<boolean>();
  const [trouble, setTrouble] = useState<unknown>();
  const [cursor, setCursor] = useState(0);
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => {
    const files = new FilesClient(opener(at.namespace, at.name));
    let found: string[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isOver = false;
    const show = () => {
      timer = undefined;
      if (!isOver) setPaths([...found]);
    };
    const more = (some: string[]) => {
      found = found.concat(some);
      timer ??= setTimeout(show, RANK_AFTER);
    };
    files.walk(folder, NAMES, more).then(
      (isAll) => {
        show();
        if (!isOver) setComplete(isAll);
      },
      (error: unknown) => !isOver && setTrouble(error),
    );
    return () => {
      isOver = true;
      clearTimeout(timer);
      files.close();
    };
  }, [folder]);
  const found = useMemo(() => best(query, paths, SHOWN), [query, paths]);
  const here = Math.min(cursor, found.length - 1);
  useEffect(() => list.current?.children[here]?.scrollIntoView({ block: "nearest" }), [here]);
  const choose = (path: string | undefined) => {
    if (path === undefined) return;
    close();
    toFile(at, joinPath(folder, path));
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") setCursor(Math.min(found.length - 1, here + 1));
    else if (event.key === "ArrowUp") setCursor(Math.max(0, here - 1));
    else if (event.key === "Enter") choose(found[here]);
    else return;
    event.preventDefault();
  };
  const count = isComplete === undefined ? `${paths.length} files so far …` : isComplete ? `${paths.length} files` : `the nearest ${paths.length} files`;
  return (
    <Dialog title={`Open in ${shown(folder)}`} onClose={close} class="files-quick">
      <input
        class="files-input"
        autofocus
        autocomplete="off"
        spellcheck={false}
        placeholder="letters of its name"
        role="combobox"
        aria-label="Letters of the name"
        aria-expanded={found.length > 0}
        aria-controls="files-found"
        aria-activedescendant={found.length ? `files-found-${here}` : undefined}
        value={query}
        onInput={(event) => {
          setQuery(event.currentTarget.value);
          setCursor(0);
        }}
        onKeyDown={keys}
      />
      <Trouble error={trouble} />
      {found.length > 0 && (
        <ul ref={list} id="files-found" role="listbox" aria-label="Files" class="files-found">
          {found.map((path, index) => (
            <li
              key={path}
              id={`files-found-${index}`}
              role="option"
              aria-selected={index === here}
              class={index === here ? "files-here" : ""}
              onClick={() => choose(path)}
            >
              <Name text={nameOf(path)} />
              {path.includes("/") && <span class="quiet-text"><Name text={folderOf(path)} /></span>}
            </li>
          ))}
        </ul>
      )}
      <p class="quiet-text" role="status">{trouble ? "" : query && found.length === 0 && isComplete !== undefined ? `None of the ${count} has these letters.` : count}</p>
    </Dialog>
  );
}
