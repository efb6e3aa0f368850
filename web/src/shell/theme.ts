/** Dark or light: as the system has it, unless the visitor chose; kept in this browser. */
import { signal } from "@preact/signals";

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const KEY = "kohakuriver-theme";

/** What is kept, as a theme; nonsense is the system's. Pure. */
export function themeOf(kept: string | null): Theme {
  return THEMES.find((theme) => theme === kept) ?? "system";
}

export const theme = signal<Theme>("system");

function show(chosen: Theme): void {
  theme.value = chosen;
  if (chosen === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = chosen;
}

export function choose(chosen: Theme): void {
  show(chosen);
  try {
    localStorage.setItem(KEY, chosen);
  } catch {
    // A browser that keeps nothing: it holds until the page is left.
  }
}

/** Before anything is drawn. Another tab's choice is followed. */
export function startTheme(): void {
  let kept: string | null = null;
  try {
    kept = localStorage.getItem(KEY);
  } catch {
    // The same.
  }
  show(themeOf(kept));
  addEventListener("storage", (event) => event.key === KEY && show(themeOf(event.newValue)));
}
