/** The visitor's own machine: files that are chosen or dropped, and where downloads go. */
import { ApiError } from "../api/http";
import { bytes } from "../api/quantity";
import type { Chosen, Picked, Save, Sink } from "./transfers";

/** Up to this size a download is put together in the browser; beyond it goes to the disk as it comes, where that can be. */
const IN_MEMORY = 64 << 20;
/** The most that is put together in a browser that cannot write to the disk. */
export const MOST = 2 * 2 ** 30;
const MOST_FILES = 10_000; // of one upload

/** Files that were chosen, each with its place below the folder that was. */
export function chosenOf(files: Iterable<File>): Picked {
  return { files: [...files].map((file) => ({ path: file.webkitRelativePath || file.name, file })), folders: [] };
}

/** Files and folders that were dropped. To be called while the event is under way. */
export async function dropped(data: DataTransfer): Promise<Picked> {
  const entries = [...data.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  const files = [...data.files];
  if (entries.length === 0) return chosenOf(files);
  const found = { files: [] as Chosen[], folders: [] as string[] };
  for (const entry of entries) await collect(entry, "", found);
  return found;
}

async function collect(entry: FileSystemEntry, above: string, found: { files: Chosen[]; folders: string[] }): Promise<void> {
  if (found.files.length + found.folders.length >= MOST_FILES) {
    const hint = "copy it with the command: kohakuriver cp";
    throw new ApiError(0, "TooMany", `these are more than ${MOST_FILES} files`, hint);
  }
  const path = above ? `${above}/${entry.name}` : entry.name;
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    found.files.push({ path, file });
    return;
  }
  found.folders.push(path);
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return;
    for (const one of some) await collect(one, path, found);
  }
}

interface Writable {
  write(data: Uint8Array<ArrayBuffer>): Promise<void>;
  close(): Promise<void>;
  abort(): Promise<void>;
}
type Picker = (how: { suggestedName: string }) => Promise<{ createWritable(): Promise<Writable> }>;

/** A place for a download: the browser's own folder for small ones, a file that the visitor names for large ones. */
export const save: Save = async (name, size) => {
  const picker = (globalThis as { showSaveFilePicker?: Picker }).showSaveFilePicker;
  if (picker && (size === undefined || size > IN_MEMORY)) {
    try {
      return await (await picker({ suggestedName: name })).createWritable();
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return undefined;
      // It asks for a click that was a moment ago; then what fits is put together here.
    }
  }
  if (size !== undefined && size > MOST) throw tooLarge(name);
  return inMemory(name);
};

function tooLarge(name: string): ApiError {
  const words = `${name}: it is larger than ${bytes(MOST)}, which this browser would have to hold in memory`;
  return new ApiError(0, "TooLarge", words, "copy it with the command: kohakuriver cp");
}

function inMemory(name: string): Sink {
  // Parts become blobs, which a browser may keep on its disk, instead of one array that grows.
  let whole = new Blob([], { type: "application/octet-stream" });
  let parts: Uint8Array<ArrayBuffer>[] = [];
  let waiting = 0;
  const fold = () => {
    whole = new Blob([whole, ...parts], { type: "application/octet-stream" });
    parts = [];
    waiting = 0;
  };
  return {
    async write(data) {
      parts.push(data);
      waiting += data.length;
      if (waiting > 16 << 20) fold();
      if (whole.size + waiting > MOST) throw tooLarge(name);
    },
    async close() {
      fold();
      const url = URL.createObjectURL(whole);
      const link = document.createElement("a");
      link.href = url;
      link.download = name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    },
    async abort() {
      parts = [];
      whole = new Blob([]);
    },
  };
}
