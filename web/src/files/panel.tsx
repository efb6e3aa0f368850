/** The files of a VPS: its folders, and what is open of them. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { KObject } from "../api/objects";
import { wordOf } from "../api/vps";
import { place } from "../router";
import { copy } from "../ui/copy";
import { confirm } from "../ui/dialog";
import { Menu } from "../ui/menu";
import { complain } from "../ui/toasts";
import { Trouble } from "../ui/trouble";
import { asker, Asking, askName } from "./asking";
import { crumbs, type Entry, isBelow, isFolder, joinPath } from "./entry";
import "./files.css";
import { chosenOf, dropped, save } from "./local";
import { type Acts, FolderList, Opening } from "./list";
import { Moving } from "./moving";
import { Name } from "./name";
import { OpenFile, Tabs } from "./open";
import { enter, follow, linkTo, record, toFolder } from "./places";
import { shown } from "./printable";
import { QuickOpen } from "./quickopen";
import { Tree } from "./tree";
import { type Workspace, workspaceOf } from "./workspace";
import type { Picked } from "./transfers";

export function FilesPanel({ namespace, name, vps }: { namespace: string; name: string; vps?: KObject }) {
  const at = useMemo(() => workspaceOf(namespace, name), [namespace, name]);
  return <Panel key={`${namespace}/${name}`} at={at} state={vps ? wordOf(vps) : ""} />;
}

/** `state` is the VPS's own, where it is known. */
function Panel({ at, state }: { at: Workspace; state: string }) {
  const box = useRef<HTMLDivElement>(null);
  const [chosen, setChosen] = useState<readonly Entry[]>([]);
  const [isQuick, setQuick] = useState(false);
  const [isOver, setOver] = useState(false);
  const [showsTree, setShowsTree] = useState(() => localStorage.getItem("kohakuriver.files.tree") !== "no");
  useBegin(at, state);
  useFilling(box);
  const isWide = useWide();
  const folder = at.folder.value;
  const listing = at.listings.value.get(folder);
  const acts = useMemo(() => actsOf(at), [at]);
  const upload = (picked: Picked) => {
    if (picked.files.length + picked.folders.length === 0) return;
    void at.transfers.upload(at.folder.peek(), picked, asker(picked.files.length));
  };

  // What is open, and not saved, stays in sight whatever cannot be read now.
  const trouble = at.trouble.value && <Trouble error={at.trouble.value} again={() => void at.begin()} />;
  if (trouble && at.tabs.value.length === 0) return trouble;
  if (!folder) return trouble || <p class="waiting">…</p>;
  const top = treeTop(at);
  const current = at.current;
  return (
    <div
      ref={box}
      class={`files${showsTree ? "" : " files-bare"}${isOver ? " files-over" : ""}`}
      onKeyDown={(event) => {
        if (!(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
        const key = event.key.toLowerCase();
        if (key !== "p" && (key !== "s" || !current)) return;
        event.preventDefault();
        if (key === "p") setQuick(true);
        else if (current?.isDirty.peek() && !current.theirs.peek()) void current.save();
      }}
      onDragOver={(event) => {
        if (!event.dataTransfer?.types.includes("Files")) return;
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={(event) => !(event.relatedTarget instanceof Node && box.current?.contains(event.relatedTarget)) && setOver(false)}
      onDrop={(event) => {
        if (!event.dataTransfer?.types.includes("Files")) return;
        event.preventDefault();
        setOver(false);
        dropped(event.dataTransfer).then(upload, complain);
      }}
    >
      <Tools
        at={at}
        chosen={current ? [] : chosen}
        acts={acts}
        upload={upload}
        quick={() => setQuick(true)}
        showsTree={showsTree}
        toggleTree={() => {
          localStorage.setItem("kohakuriver.files.tree", showsTree ? "no" : "yes");
          setShowsTree(!showsTree);
        }}
      />
      <div class="files-body">
        {showsTree && isWide && <nav class="files-side" aria-label="Tree of files"><Tree key={top} at={at} top={top} /></nav>}
        <div class="files-main">
          <Tabs at={at} />
          {current ? (
            <OpenFile key={current.path} at={at} tab={current} />
          ) : trouble ? (
            trouble
          ) : (
            <>
              <Trouble error={listing?.trouble} again={() => void at.list(folder)} />
              <FolderList at={at} folder={folder} acts={acts} chosen={setChosen} />
            </>
          )}
        </div>
      </div>
      <Moving transfers={at.transfers} />
      {isOver && <p class="files-drop">Drop to upload to <Name text={folder} /></p>}
      {isQuick && <QuickOpen at={at} folder={top} close={() => setQuick(false)} />}
      <Asking />
    </div>
  );
}

/** Where the tree and the quick open begin: the home folder, or the top where one is outside of it. */
function treeTop(at: Workspace): string {
  const home = at.home.value;
  return isBelow(at.folder.value, home) ? home : "/";
}

/** Reads what is shown first, follows the URL, and looks again when somebody comes back, or the VPS runs again. */
function useBegin(at: Workspace, state: string): void {
  const { query } = place.value;
  useEffect(() => {
    enter(at);
    void at.begin().then(() => !place.peek().query.get("at") && !at.trouble.peek() && record(at, true));
  }, [at]);
  useEffect(() => follow(at), [at, query]);
  useEffect(() => {
    if (state === "running" && at.trouble.peek()) void at.begin();
  }, [at, state]);
  useEffect(() => {
    const look = () => document.visibilityState === "visible" && at.look();
    addEventListener("focus", look);
    document.addEventListener("visibilitychange", look);
    return () => {
      removeEventListener("focus", look);
      document.removeEventListener("visibilitychange", look);
    };
  }, [at]);
}

/** Whether there is room for the tree beside the list. */
function useWide(): boolean {
  const wide = useMemo(() => matchMedia("(min-width: 900px)"), []);
  const [isWide, setWide] = useState(wide.matches);
  useEffect(() => {
    const look = () => setWide(wide.matches);
    wide.addEventListener("change", look);
    return () => wide.removeEventListener("change", look);
  }, [wide]);
  return isWide;
}

/** Gives the panel the height that is left below it. */
function useFilling(box: { current: HTMLElement | null }): void {
  useEffect(() => {
    const fill = () => {
      const shown_ = box.current;
      if (shown_) shown_.style.setProperty("--files-top", `${Math.round(shown_.getBoundingClientRect().top + scrollY)}px`);
    };
    fill();
    const watch = new ResizeObserver(fill);
    watch.observe(document.body);
    return () => watch.disconnect();
  });
}

interface ToolsShown {
  at: Workspace;
  chosen: readonly Entry[];
  acts: Acts;
  upload: (picked: Picked) => void;
  quick: () => void;
  showsTree: boolean;
  toggleTree: () => void;
}

function Tools({ at, chosen, acts, upload, quick, showsTree, toggleTree }: ToolsShown) {
  const folder = at.folder.value;
  const files = useRef<HTMLInputElement>(null);
  const folders = useRef<HTMLInputElement>(null);
  const [only] = chosen;
  const make = (isFolder_: boolean) =>
    askName({
      title: `New ${isFolder_ ? "folder" : "file"} in ${shown(folder)}`,
      action: isFolder_ ? "Make the folder" : "Make the file",
      act: async (name) => {
        const path = await at.make(folder, name, isFolder_);
        if (!isFolder_) {
          at.open(path);
          record(at);
        }
      },
      done: () => at.focusing.value++,
    });
  const taken = (event: Event) => {
    const input = event.currentTarget as HTMLInputElement;
    upload(chosenOf(input.files ?? []));
    input.value = "";
  };
  return (
    <div class="files-tools">
      <button type="button" class="quiet files-tree-button" aria-pressed={showsTree} onClick={toggleTree}>Tree</button>
      <nav class="files-crumbs" aria-label="Folder">
        {crumbs(folder).map(([name, path], index) => (
          <span key={path}>
            {index > 1 && <span class="quiet-text" aria-hidden="true">/</span>}
            <Opening link={linkTo(at, path)} open={() => toFolder(at, path)} isTabbed><Name text={name} /></Opening>
          </span>
        ))}
      </nav>
      {only && <span class="files-count">{chosen.length === 1 ? "1 chosen" : `${chosen.length} chosen`}</span>}
      {only && <button type="button" onClick={() => acts.download(chosen)}>Download</button>}
      {only && chosen.length === 1 && <button type="button" onClick={() => acts.rename(only)}>Rename</button>}
      {only && <button type="button" class="danger" onClick={() => acts.remove(chosen)}>Delete</button>}
      <button type="button" onClick={quick} title="Ctrl-P">Open…</button>
      <Menu
        label="New"
        items={[{ text: "File…", act: () => make(false) }, { text: "Folder…", act: () => make(true) }]}
      />
      <Menu
        label="Upload"
        items={[{ text: "Files…", act: () => files.current?.click() }, { text: "A folder…", act: () => folders.current?.click() }]}
      />
      <Menu
        label="More"
        class="quiet"
        items={[
          { text: "Read again", act: () => void at.list(folder) },
          { text: at.showsHidden.value ? "Hide names that begin with a dot" : "Show names that begin with a dot", act: () => (at.showsHidden.value = !at.showsHidden.value) },
          { text: "Download this folder", act: () => void at.transfers.download(folder, true, 0, save) },
          { text: "Copy the path", act: () => void copy(only && chosen.length === 1 ? joinPath(folder, only.name) : folder, "the path") },
        ]}
      >
        ⋯
      </Menu>
      <input ref={files} class="files-unseen" type="file" multiple tabIndex={-1} aria-label="Files to upload" onChange={taken} />
      <input
        ref={(input) => {
          folders.current = input;
          input?.setAttribute("webkitdirectory", "");
        }}
        class="files-unseen"
        type="file"
        tabIndex={-1}
        aria-label="A folder to upload"
        onChange={taken}
      />
    </div>
  );
}

const NAMED = 8; // of what is to be deleted

function actsOf(at: Workspace): Acts {
  return {
    rename: (entry) => {
      const folder = at.folder.peek();
      askName({
        title: `Rename ${shown(entry.name)}`,
        action: "Rename",
        name: entry.name,
        act: (to) => at.rename(folder, entry.name, to),
        done: () => at.focusing.value++,
      });
    },
    remove: (entries) => void removal(at, entries),
    download: (entries) => {
      const folder = at.folder.peek();
      for (const entry of entries) void at.transfers.download(joinPath(folder, entry.name), isFolder(entry), entry.size, save);
    },
  };
}

async function removal(at: Workspace, entries: readonly Entry[]): Promise<void> {
  const folder = at.folder.peek();
  const [only] = entries;
  if (!only) return;
  const lines = entries.slice(0, NAMED).map((one) => {
    const suffix = one.kind === "folder" ? " with all that is in it" : one.kind === "link" ? " (the link, not what it leads to)" : "";
    return shown(one.name) + suffix;
  });
  if (entries.length > NAMED) lines.push(`and ${entries.length - NAMED} more`);
  const what = entries.length === 1 ? shown(only.name) : `${entries.length} items`;
  const isSure = await confirm({
    title: `Delete ${what}?`,
    lines: [...lines, "What is deleted cannot be brought back."],
    action: entries.length === 1 ? "Delete" : `Delete ${entries.length} items`,
    isDangerous: true,
  });
  if (!isSure) return;
  const items = entries.map((one) => ({ path: joinPath(folder, one.name), isFolder: one.kind === "folder" }));
  await at.transfers.remove(items);
}
