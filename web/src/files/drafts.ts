/** What is kept for a reload of the page: which files are open, and what in them is not saved. Pure but for the store. */
import { type Form } from "./text";

/** Letters of unsaved text that are kept in all; a browser gives a page five million. */
export const MOST = 2_000_000;

export interface Draft {
  path: string;
  /** Only of one with unsaved changes. */
  unsaved?: { text: string; version: string; form: Form };
}

export interface Kept {
  folder: string;
  active: string;
  drafts: Draft[];
}

export interface Store {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** Keeps it; the paths of those whose text did not fit. */
export function keep(store: Store, key: string, kept: Kept): string[] {
  const left: string[] = [];
  let room = MOST;
  const drafts = kept.drafts.map((draft): Draft => {
    if (!draft.unsaved) return draft;
    room -= draft.unsaved.text.length;
    if (room >= 0) return draft;
    room += draft.unsaved.text.length;
    left.push(draft.path);
    return { path: draft.path };
  });
  try {
    store.setItem(key, JSON.stringify({ ...kept, drafts }));
    return left;
  } catch {
    store.removeItem(key); // the browser's own limit, or it keeps nothing at all
    return kept.drafts.filter((draft) => draft.unsaved).map((draft) => draft.path);
  }
}

/** What was kept; nothing where that cannot be read. */
export function kept(store: Store, key: string): Kept | undefined {
  try {
    const found = JSON.parse(store.getItem(key) ?? "null") as Partial<Kept> | null;
    if (!found || typeof found.folder !== "string" || typeof found.active !== "string" || !Array.isArray(found.drafts)) return undefined;
    const drafts = found.drafts.filter((one) => typeof one?.path === "string" && (!one.unsaved || isUnsaved(one.unsaved)));
    return { folder: found.folder, active: found.active, drafts };
  } catch {
    return undefined;
  }
}

function isUnsaved(found: Partial<NonNullable<Draft["unsaved"]>>): boolean {
  const lineEnd = found.form?.lineEnd;
  return typeof found.text === "string" && typeof found.version === "string" && (lineEnd === "\n" || lineEnd === "\r\n");
}
