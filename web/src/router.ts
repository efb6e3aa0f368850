/** Where in the page one is: the path below /ui, in the browser's own history. */
import { signal } from "@preact/signals";

const BASE = "/ui";

export interface Place {
  /** The parts of the path, decoded: ["vpses", "default", "dev", "files"]. */
  parts: readonly string[];
  query: URLSearchParams;
}

function now(): Place {
  const parts = location.pathname.slice(BASE.length).split("/").filter(Boolean).map(decodeURIComponent);
  return { parts, query: new URLSearchParams(location.search) };
}

export const place = signal<Place>({ parts: [], query: new URLSearchParams() });

/** Begins to follow the browser's history, and the links of the page. */
export function startRouter(): void {
  place.value = now();
  addEventListener("popstate", () => (place.value = now()));
  addEventListener("click", (event) => {
    const link = (event.target as Element | null)?.closest?.("a");
    if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    if (link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (!link.pathname.startsWith(`${BASE}/`)) return;
    event.preventDefault();
    go(link.pathname.slice(BASE.length) + link.search);
  });
}

/** Goes to a path below /ui: `go("/vpses/default/dev")`. */
export function go(path: string, how: { replace?: boolean } = {}): void {
  if (how.replace) history.replaceState(null, "", BASE + path);
  else history.pushState(null, "", BASE + path);
  place.value = now();
}

/** A path below /ui for a link's href, each part encoded. */
export function href(...parts: string[]): string {
  return `${BASE}/${parts.map(encodeURIComponent).join("/")}`;
}
