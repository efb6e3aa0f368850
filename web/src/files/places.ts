/** Where in the files one is, as part of the page's URL, so that it can be linked to and gone back to. */
import { go, href, place } from "../router";
import { folderOf, nameOf } from "./entry";
import { isText } from "./printable";
import type { Workspace } from "./workspace";

/** The link to a folder, or to a file; nothing where the name cannot be part of a URL. */
export function linkTo(at: Workspace, folder: string, file = ""): string | undefined {
  if (!isText(folder) || !isText(file)) return undefined;
  const query = new URLSearchParams({ at: folder });
  if (file) query.set("open", file);
  return `${href("vps", at.namespace, at.name, "files")}?${query.toString()}`;
}

/** Goes to a folder. */
export function toFolder(at: Workspace, folder: string): void {
  const before = at.folder.peek();
  at.active.value = "";
  // Up from a folder the keys are at it, as they were when it was opened.
  at.pointed.value = before !== folder && folderOf(before) === folder ? nameOf(before) : "";
  void at.show(folder);
  record(at);
}

/** Goes to a file. */
export function toFile(at: Workspace, path: string): void {
  at.open(path);
  record(at);
}

/** Goes to the list, with the folder as it was. */
export function toList(at: Workspace): void {
  at.active.value = "";
  record(at);
  if (at.folder.peek()) void at.list(at.folder.peek());
}

/** Puts where one is into the URL; a new entry of the history unless it is where one was. */
export function record(at: Workspace, replace = false): void {
  const link = linkTo(at, at.folder.peek(), at.active.peek());
  if (!link || link === location.pathname + location.search) return;
  go(link.slice("/ui".length), { replace });
}

/** Takes the folder from the URL that the page was opened with; what is in it is read later. */
export function enter(at: Workspace): void {
  const folder = place.peek().query.get("at");
  if (folder?.startsWith("/")) at.folder.value = folder;
}

/** Follows the URL: somebody opened a link, or went back. */
export function follow(at: Workspace): void {
  const { query } = place.peek();
  const folder = query.get("at");
  const file = query.get("open");
  if (folder?.startsWith("/") && folder !== at.folder.peek()) void at.show(folder);
  if (file?.startsWith("/")) {
    if (file !== at.active.peek()) at.open(file);
  } else if (folder) at.active.value = "";
}
