/**
 * The half of a session's secret that this page has. The other half is a cookie, which whatever is served at another port of
 * the same host is sent too; what a page keeps in its origin's storage nobody there reads. Requests show it in a header,
 * WebSockets among their protocols.
 */
const PLACE = "kohakuriver-page-key";
const HEADER = "KohakuRiver-Page-Key";
const PROTOCOL = "page.kohakuriver.io";
const KEY_PROTOCOL = "key.page.kohakuriver.io.";

let held = ""; // where the browser keeps nothing for this page

function key(): string {
  try {
    return localStorage.getItem(PLACE) ?? held;
  } catch {
    return held;
  }
}

/** Keeps the key of a session that has just begun, for every tab of this page; "" forgets it. */
export function keep(fresh: string): void {
  held = fresh;
  try {
    if (fresh) localStorage.setItem(PLACE, fresh);
    else localStorage.removeItem(PLACE);
  } catch {
    // It is held for this tab alone, then.
  }
}

/** The headers that show it. */
export function keyHeaders(): Record<string, string> {
  const own = key();
  return own ? { [HEADER]: own } : {};
}

/** A WebSocket to a path of the API server that this page came from. */
export function socketTo(path: string): WebSocket {
  const url = new URL(path, location.href);
  url.protocol = url.protocol === "http:" ? "ws:" : "wss:";
  const own = key();
  return own ? new WebSocket(url, [PROTOCOL, KEY_PROTOCOL + own]) : new WebSocket(url);
}
