/**
 * How a file is opened, and how an edited one gets back: what was changed meanwhile in the VPS is never written over without
 * a yes. Knows no editor.
 */
import { ApiError } from "../api/http";
import { type FilesClient } from "./client";
import { bytesOf, EDITABLE, type Form, isText, type NotEditable, PLAIN, type Text, textOf } from "./text";

/** One file as it was read. `version` is "" for one that is not there. */
export interface Document {
  path: string;
  version: string;
  size: number;
  content: Text | NotEditable;
}

/** What is there. */
export async function load(files: Pick<FilesClient, "read">, path: string, signal?: AbortSignal): Promise<Document> {
  const { entry, data } = await files.read(path, EDITABLE + 1, signal);
  return { path, version: entry.version, size: entry.size, content: textOf(data, Math.max(entry.size, data.length)) };
}

export type Saved =
  | { outcome: "saved"; version: string; size: number }
  /** Somebody else changed it, or made it: `theirs` is what is there now. */
  | { outcome: "changed"; theirs: Document }
  /** Somebody else removed it. */
  | { outcome: "gone" };

/**
 * Writes it if nothing came between. Rejects with an `ApiError`: then nothing is known to be saved, and to save again is
 * right, since a first try that came through after all is recognised.
 */
export async function save(
  files: Pick<FilesClient, "read" | "write">,
  path: string,
  text: string,
  form: Form = PLAIN,
  expect = "",
): Promise<Saved> {
  const data = bytesOf(text, form);
  try {
    const { version, size } = await files.write(path, data, { expect });
    return { outcome: "saved", version, size };
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 409) throw error;
    const there = await what(files, path, error);
    if (!there) return { outcome: "gone" };
    const isMine = isText(there.content) && same(bytesOf(there.content.text, there.content), data);
    return isMine ? { outcome: "saved", version: there.version, size: there.size } : { outcome: "changed", theirs: there };
  }
}

/** What stands in the way; nothing where there is no such file any more. */
async function what(files: Pick<FilesClient, "read">, path: string, conflict: ApiError): Promise<Document | undefined> {
  try {
    return await load(files, path);
  } catch (error) {
    if (error instanceof ApiError && error.code === 404) return undefined;
    throw error instanceof ApiError && error.code === 400 ? conflict : error; // a folder has its name now
  }
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}
