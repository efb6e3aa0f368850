/** What one has open of the files of a VPS. It outlives the screen, so that going elsewhere on the page loses nothing. */
import { computed, effect, signal } from "@preact/signals";
import { beforeLogOut, farewell, session } from "../api/session";
import { confirm } from "../ui/dialog";
import { announce } from "../ui/toasts";
import { FilesClient } from "./client";
import { keep, kept, type Store } from "./drafts";
import { crumbs, type Entry, isBelow, joinPath } from "./entry";
import { opener } from "./socket";
import { Tab } from "./tab";
import { Transfers } from "./transfers";

export interface Listing {
  entries: readonly Entry[];
  trouble?: unknown;
  isLoading: boolean;
}

const KEEP_AFTER = 400; // ms after a change
const LIST_AFTER = 200; // ms after something was changed in a folder
const LOOK_AFTER = 2000; // ms between two looks at what was changed elsewhere

export class Workspace {
  /** The folder that is shown; "" while it is not known yet. */
  readonly folder = signal("");
  /** The home folder of the VPS's root user. */
  readonly home = signal("/");
  readonly listings = signal<ReadonlyMap<string, Listing>>(new Map());
  /** The folders that are open in the tree. */
  readonly expanded = signal<ReadonlySet<string>>(new Set());
  /** The name in the shown folder that the keys are to go to. */
  readonly pointed = signal("");
  /** Goes up when the list is to have the focus. */
  readonly focusing = signal(0);
  readonly showsHidden = signal(true);
  readonly tabs = signal<readonly Tab[]>([]);
  /** The path of the file that is shown; "" for the list. */
  readonly active = signal("");
  /** Why nothing can be shown at all. */
  readonly trouble = signal<unknown>(undefined);
  /** The files whose unsaved text a reload would lose. */
  readonly unkept = signal<readonly string[]>([]);
  readonly hasUnsaved = computed(() => this.tabs.value.some((tab) => tab.isDirty.value));
  readonly transfers: Transfers;
  private keeping: ReturnType<typeof setTimeout> | undefined;
  private looked = 0;
  private isForgotten = false;

  constructor(
    readonly namespace: string,
    readonly name: string,
    private readonly key: string,
    readonly files: FilesClient,
    moving: FilesClient,
    private readonly store: Store,
  ) {
    const changed = new Set<string>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const listChanged = () => {
      timer = undefined;
      for (const folder of changed) if (this.listings.peek().has(folder)) void this.list(folder);
      changed.clear();
    };
    const told = (folder: string) => {
      changed.add(folder);
      timer ??= setTimeout(listChanged, LIST_AFTER);
    };
    this.transfers = new Transfers(moving, told, announce);
    this.restore();
  }

  /** Shows the folder where one was last, or the home folder. */
  async begin(): Promise<void> {
    this.trouble.value = undefined;
    try {
      this.home.value = (await this.files.stat(".")).path || "/";
      if (!this.folder.peek()) this.folder.value = this.home.peek();
      await this.show(this.folder.peek());
    } catch (error) {
      this.trouble.value = error;
    }
  }

  async show(folder: string): Promise<void> {
    this.folder.value = folder;
    this.changed();
    await this.list(folder);
  }

  /** Reads a folder; what was known of it is shown until then. */
  async list(folder: string): Promise<void> {
    const put = (listing: Listing) => (this.listings.value = new Map(this.listings.peek()).set(folder, listing));
    const before = this.listings.peek().get(folder);
    put({ entries: before?.entries ?? [], isLoading: true });
    try {
      put({ entries: await this.files.list(folder), isLoading: false });
      this.trouble.value = undefined;
    } catch (error) {
      put({ entries: before?.entries ?? [], trouble: error, isLoading: false });
    }
  }

  toggle(folder: string): void {
    const open = new Set(this.expanded.peek());
    if (!open.delete(folder)) {
      open.add(folder);
      void this.list(folder);
    }
    this.expanded.value = open;
  }

  /** Opens the tree below `top` down to that folder. */
  reveal(top: string, folder: string): void {
    const open = new Set(this.expanded.peek());
    for (const [, path] of crumbs(folder).slice(0, -1)) {
      if (path === top || !isBelow(path, top) || open.has(path)) continue;
      open.add(path);
      if (!this.listings.peek().has(path)) void this.list(path);
    }
    if (open.size > this.expanded.peek().size) this.expanded.value = open;
  }

  /** Shows a file, in the tab that it has or in a new one. */
  open(path: string): void {
    if (!this.tabs.peek().some((tab) => tab.path === path)) {
      const tab = this.tab(path);
      this.tabs.value = [...this.tabs.peek(), tab];
      void tab.open();
    }
    this.active.value = path;
    this.changed();
  }

  close(tab: Tab): void {
    const at = this.tabs.peek().indexOf(tab);
    this.tabs.value = this.tabs.peek().filter((one) => one !== tab);
    if (this.active.peek() === tab.path) this.active.value = this.tabs.peek()[Math.max(0, at - 1)]?.path ?? "";
    this.changed();
  }

  get current(): Tab | undefined {
    return this.tabs.value.find((tab) => tab.path === this.active.value);
  }

  /** An empty file or a folder. */
  async make(folder: string, name: string, isFolder: boolean): Promise<string> {
    const path = joinPath(folder, name);
    if (isFolder) await this.files.folder(path);
    else await this.files.write(path, new Uint8Array(), { expect: "" });
    this.pointed.value = name;
    await this.list(folder);
    return path;
  }

  /** Gives it another name. Open files that it takes along are closed: they are found under the new one. */
  async rename(folder: string, name: string, to: string): Promise<void> {
    const path = joinPath(folder, name);
    await this.files.rename(path, joinPath(folder, to));
    for (const tab of this.tabs.peek()) if (isBelow(tab.path, path) && !tab.isDirty.peek()) this.close(tab);
    this.pointed.value = to;
    await this.list(folder);
  }

  /** Looks for what was changed elsewhere: somebody came back to this page. */
  look(): void {
    if (Date.now() - this.looked < LOOK_AFTER || this.trouble.peek()) return;
    this.looked = Date.now();
    const current = this.current;
    if (current) void current.look();
    else if (this.folder.peek()) void this.list(this.folder.peek());
  }

  /** Keeps for a reload what would be lost with the page. */
  keep(): void {
    clearTimeout(this.keeping);
    this.keeping = undefined;
    if (this.isForgotten) return;
    const drafts = this.tabs.peek().map((tab) => {
      const form = tab.form.peek();
      const { hasBom, lineEnd } = form ?? { hasBom: false, lineEnd: "\n" as const };
      return tab.isDirty.peek() && form
        ? { path: tab.path, unsaved: { text: tab.text, version: tab.version, form: { hasBom, lineEnd } } }
        : { path: tab.path };
    });
    this.unkept.value = keep(this.store, this.key, { folder: this.folder.peek(), active: this.active.peek(), drafts });
  }

  forget(): void {
    this.isForgotten = true;
    clearTimeout(this.keeping);
    this.store.removeItem(this.key);
    this.files.close();
  }

  private restore(): void {
    const found = kept(this.store, this.key);
    if (!found) return;
    this.folder.value = found.folder;
    this.active.value = found.active;
    this.tabs.value = found.drafts.map(({ path, unsaved }) => {
      const tab = this.tab(path);
      void (unsaved ? tab.restore(unsaved.text, unsaved.version, unsaved.form) : tab.open());
      return tab;
    });
  }

  private tab(path: string): Tab {
    return new Tab(path, this.files, () => this.changed());
  }

  private changed(): void {
    this.keeping ??= setTimeout(() => this.keep(), KEEP_AFTER);
  }
}

const all = new Map<string, Workspace>();

/** The one of this visitor for that VPS. */
export function workspaceOf(namespace: string, name: string): Workspace {
  const key = `kohakuriver.files ${JSON.stringify([session.peek()?.user, namespace, name])}`;
  let found = all.get(key);
  if (!found) {
    const open = opener(namespace, name);
    found = new Workspace(namespace, name, key, new FilesClient(open), new FilesClient(open), sessionStorage);
    all.set(key, found);
  }
  return found;
}

/** What would be lost if the page went now, in words; "" for nothing. */
function atStake(): string {
  const unsaved = [...all.values()].filter((one) => one.hasUnsaved.value).map((one) => one.name);
  const busy = [...all.values()].filter((one) => one.transfers.isBusy).map((one) => one.name);
  const parts = [
    unsaved.length ? `Changes to files of ${[...new Set(unsaved)].join(", ")} are not saved.` : "",
    busy.length ? `Transfers of files of ${[...new Set(busy)].join(", ")} are under way.` : "",
  ];
  return parts.filter(Boolean).join(" ");
}

addEventListener("beforeunload", (event) => {
  if (atStake()) event.preventDefault();
});
addEventListener("pagehide", () => {
  for (const one of all.values()) one.keep();
});
beforeLogOut.add(async () => {
  const lost = atStake();
  return !lost || confirm({ title: "Log out all the same?", lines: [lost], action: "Log out", isDangerous: true });
});

/** Whoever logs out, or in as somebody else, leaves nothing of theirs behind; a session that merely ended keeps it. */
let user: string | undefined;
effect(() => {
  const who = session.value;
  if (who === undefined) return;
  const isLeft = who === null ? farewell.peek() === "" : user !== undefined && who.user !== user;
  if (who) user = who.user;
  if (!isLeft) return;
  for (const one of all.values()) one.forget();
  all.clear();
});
