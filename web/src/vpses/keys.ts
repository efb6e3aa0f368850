/** The keys of the list. The row that has the focus is the present one. */

export interface Keys {
  /** Moves by so many rows. */
  move: (by: number) => void;
  /** The row of this key was asked for an action. */
  row: (key: string) => void;
  find: () => void;
  help: () => void;
  create: () => void;
}

/** What stands in the help, and nowhere else. */
export const HELP: readonly (readonly [keys: string, does: string])[] = [
  ["j  k  ↓  ↑", "to the next row, to the one before"],
  ["Enter", "open the VPS"],
  ["t", "its terminal"],
  ["c", "copy its SSH command"],
  ["s", "start it, or stop it"],
  ["r", "restart it"],
  ["p", "pause it, or let it go on"],
  ["d", "delete it, after a question"],
  ["x", "select it"],
  ["n", "create a VPS"],
  ["/", "filter the list"],
  ["Ctrl K", "go anywhere, do anything"],
  ["?", "this help"],
];

const ROW_KEYS = "tcsrpdx";

/** What a key means; nothing while somebody types, or a dialog or a menu is open. Pure but for the calls. */
export function pressed(event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey">, isBusy: boolean, keys: Keys): boolean {
  if (isBusy || event.ctrlKey || event.metaKey || event.altKey) return false;
  if (event.key === "j" || event.key === "ArrowDown") keys.move(1);
  else if (event.key === "k" || event.key === "ArrowUp") keys.move(-1);
  else if (event.key === "/") keys.find();
  else if (event.key === "?") keys.help();
  else if (event.key === "n") keys.create();
  else if (event.key.length === 1 && ROW_KEYS.includes(event.key)) keys.row(event.key);
  else return false;
  return true;
}

/** Whether keys belong to something else: a field, a menu, a dialog, or one that is just being opened. */
export function isBusy(target: EventTarget | null): boolean {
  if (document.querySelector("dialog[open], [role=menu], [data-coming]")) return true;
  return target instanceof Element && target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]") !== null;
}
