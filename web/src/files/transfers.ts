/** What takes its time: uploads, downloads and removals, one after the other on a stream of their own, each with its end. */
import { type Signal, signal } from "@preact/signals";
import { ApiError } from "../api/http";
import { type FilesClient } from "./client";
import { folderOf, joinPath, nameOf } from "./entry";
import { localName, shown } from "./printable";

export type Stage = "waiting" | "running" | "failed";

export interface Transfer {
  readonly id: number;
  readonly verb: "Upload" | "Download" | "Delete";
  readonly name: string;
  readonly stage: Signal<Stage>;
  readonly done: Signal<number>;
  /** Undefined where nobody knows. */
  readonly all: Signal<number | undefined>;
  readonly trouble: Signal<unknown>;
  cancel(): void;
}

/** What is done with a file whose name is taken. */
export type Taken = "replace" | "skip" | "stop";

/** A file of the visitor's machine, and where in the chosen folder it belongs: "a.txt", "photos/a.jpg". */
export interface Chosen {
  path: string;
  file: Blob & { lastModified?: number };
}

/** What was chosen; folders only where they might be empty. */
export interface Picked {
  files: readonly Chosen[];
  folders: readonly string[];
}

/** Where a download goes. */
export interface Sink {
  write(data: Uint8Array<ArrayBuffer>): Promise<void>;
  /** All of it was written. */
  close(): Promise<void>;
  abort(): Promise<void>;
}

/** Opens one for a file of that name and size; undefined where the visitor changed their mind. */
export type Save = (name: string, size: number | undefined) => Promise<Sink | undefined>;

/** How much of a folder may wait to be written to this machine's disk: nothing can slow its stream down. */
export const BACKLOG = 256 << 20;

type Work = (transfer: Transfer, signal: AbortSignal) => Promise<void>;
type Client = Pick<FilesClient, "stat" | "write" | "folder" | "remove" | "readInto" | "archive">;

export class Transfers {
  readonly list = signal<readonly Transfer[]>([]);
  private turn: Promise<unknown> = Promise.resolve();
  private last = 0;

  constructor(
    private readonly files: Client,
    /** Told of each folder in which something is other than before. */
    private readonly changed: (folder: string) => void,
    private readonly told: (words: string, hint?: string) => void,
  ) {}

  get isBusy(): boolean {
    return this.list.value.some((one) => one.stage.value !== "failed");
  }

  /** Files into a folder. `ask` is asked for each name that is taken. */
  upload(folder: string, { files: chosen, folders }: Picked, ask: (path: string) => Promise<Taken>): Promise<void> {
    const size = chosen.reduce((sum, one) => sum + one.file.size, 0);
    const name = chosen.length === 1 ? nameOf(chosen[0]?.path ?? "") : `${chosen.length} files`;
    return this.begin("Upload", name, size, async (transfer, signal) => {
      let written = 0;
      let before = 0;
      for (const parent of parentsOf([...folders.map((path) => `${path}/`), ...chosen.map((one) => one.path)])) {
        signal.throwIfAborted();
        await this.files.folder(joinPath(folder, parent), true);
      }
      for (const { path, file } of chosen) {
        const target = joinPath(folder, path);
        const how = {
          signal,
          ...(file.lastModified ? { mtime: file.lastModified / 1000 } : {}),
          progress: (done: number) => (transfer.done.value = before + done),
        };
        if (await this.put(target, file, how, ask)) written++;
        before += file.size;
        transfer.done.value = before;
        this.changed(folderOf(target));
      }
      this.changed(folder);
      const skipped = chosen.length - written;
      const words = chosen.length === 1 ? shown(name) : `${written} file${written === 1 ? "" : "s"}`;
      if (written > 0 || folders.length > 0) this.told(`uploaded ${words}`, skipped ? `${skipped} left as they were` : "");
    });
  }

  /** A file, as it is; a folder as a tar file. */
  download(path: string, isFolder: boolean, size: number, save: Save): Promise<void> {
    const name = localName(nameOf(path) || "root") + (isFolder ? ".tar" : "");
    // Asked for at once, whatever waits before it: a browser lets a page ask only while one clicks.
    const place = save(name, isFolder ? undefined : size);
    place.catch(() => {});
    return this.begin("Download", name, isFolder ? undefined : size, async (transfer, signal) => {
      const sink = await place;
      if (!sink) return;
      const told = { signal, progress: (done: number, all?: number) => {
        transfer.done.value = done;
        transfer.all.value = all ?? transfer.all.peek();
      } };
      let left: string[] = [];
      try {
        if (isFolder) left = await this.archive(path, sink, told);
        else await this.files.readInto(path, (data) => sink.write(data), told);
        await sink.close();
      } catch (error) {
        await sink.abort().catch(() => {});
        throw error;
      }
      this.told(`downloaded ${name}`, left.length ? `left out: ${left.slice(0, 5).map(shown).join("; ")}${left.length > 5 ? " …" : ""}` : "");
    });
  }

  /** Each of them; a folder with all that is in it. Whatever one is refused, the others go. */
  remove(items: readonly { path: string; isFolder: boolean }[]): Promise<void> {
    const [only] = items;
    const name = only && items.length === 1 ? nameOf(only.path) : `${items.length} items`;
    return this.begin("Delete", name, items.length, async (transfer, signal) => {
      const refused: unknown[] = [];
      for (const { path, isFolder } of items) {
        try {
          await this.files.remove(path, isFolder, signal);
        } catch (error) {
          if (signal.aborted || !(error instanceof ApiError) || error.code === 0) throw error;
          refused.push(error);
        } finally {
          this.changed(folderOf(path));
        }
        transfer.done.value++;
      }
      const gone = items.length - refused.length;
      if (gone > 0) this.told(`deleted ${items.length === 1 ? shown(name) : `${gone} of ${items.length}`}`);
      if (refused.length > 0) throw refused[0];
    });
  }

  /** Puts a failed one away. */
  dismiss(transfer: Transfer): void {
    this.list.value = this.list.peek().filter((one) => one !== transfer);
  }

  private begin(verb: Transfer["verb"], name: string, all: number | undefined, work: Work): Promise<void> {
    const end = new AbortController();
    const transfer: Transfer = {
      id: ++this.last,
      verb,
      name,
      stage: signal<Stage>("waiting"),
      done: signal(0),
      all: signal(all),
      trouble: signal<unknown>(undefined),
      cancel: () => end.abort(),
    };
    this.list.value = [...this.list.peek(), transfer];
    const run = async () => {
      try {
        end.signal.throwIfAborted();
        transfer.stage.value = "running";
        await work(transfer, end.signal);
        this.dismiss(transfer);
      } catch (error) {
        if (end.signal.aborted) {
          this.dismiss(transfer);
          this.told(`${verb.toLowerCase()} of ${shown(name)} was cancelled`);
        } else {
          transfer.trouble.value = error;
          transfer.stage.value = "failed";
        }
      }
    };
    const mine = this.turn.then(run);
    this.turn = mine;
    return mine;
  }

  /** Whether it was written. What has the name is replaced only if it still is what it was when that was asked. */
  private async put(path: string, file: Blob, how: Parameters<Client["write"]>[2], ask: (path: string) => Promise<Taken>): Promise<boolean> {
    try {
      await this.files.write(path, file, { ...how, expect: "" });
      return true;
    } catch (error) {
      if (!(error instanceof ApiError) || error.reason !== "AlreadyExists") throw error;
    }
    const { version } = await this.files.stat(path);
    const taken = await ask(path);
    if (taken === "stop") throw new ApiError(0, "Stopped", `${path}: it is there already, and was left as it was`);
    if (taken === "skip") return false;
    await this.files.write(path, file, { ...how, expect: version });
    return true;
  }

  private async archive(path: string, sink: Sink, told: Parameters<Client["archive"]>[2]): Promise<string[]> {
    let waiting = 0;
    let writing: Promise<unknown> = Promise.resolve();
    let broken: unknown;
    const take = (data: Uint8Array<ArrayBuffer>) => {
      if (broken) throw broken;
      waiting += data.length;
      if (waiting > BACKLOG) {
        throw new ApiError(0, "TooSlow", `${path}: it comes faster than this machine writes it`, "copy it with the command: kohakuriver cp");
      }
      writing = writing.then(() => sink.write(data)).then(() => (waiting -= data.length), (error: unknown) => (broken = error));
    };
    const left = await this.files.archive(path, take, told);
    await writing;
    if (broken) throw broken;
    return left;
  }
}

/** The folders that must be there for these files, those above first. */
export function parentsOf(paths: readonly string[]): string[] {
  const found = new Set<string>();
  for (const path of paths) {
    const names = path.split("/").slice(0, -1);
    for (let count = 1; count <= names.length; count++) found.add(names.slice(0, count).join("/"));
  }
  return [...found];
}
