/** The colours of a terminal, from the page's own variables: light and dark as the page is. */
import type { ITheme } from "@xterm/xterm";

const PLAIN = {
  background: "--surface",
  foreground: "--text",
  cursor: "--accent",
  cursorAccent: "--surface",
  selectionBackground: "--terminal-selection",
  selectionInactiveBackground: "--terminal-selection-inactive",
  scrollbarSliderBackground: "--terminal-slider",
  scrollbarSliderHoverBackground: "--quiet",
  scrollbarSliderActiveBackground: "--quiet",
  black: "--terminal-black",
  red: "--terminal-red",
  green: "--terminal-green",
  yellow: "--terminal-yellow",
  blue: "--terminal-blue",
  magenta: "--terminal-magenta",
  cyan: "--terminal-cyan",
  white: "--terminal-white",
  brightBlack: "--terminal-bright-black",
  brightRed: "--terminal-bright-red",
  brightGreen: "--terminal-bright-green",
  brightYellow: "--terminal-bright-yellow",
  brightBlue: "--terminal-bright-blue",
  brightMagenta: "--terminal-bright-magenta",
  brightCyan: "--terminal-bright-cyan",
  brightWhite: "--terminal-bright-white",
} as const satisfies Partial<Record<keyof ITheme, string>>;

/** The theme as the page has it now; `element` is in it. */
export function themeAt(element: Element): ITheme {
  const probe = document.createElement("span");
  element.append(probe);
  const theme: Record<string, string> = {};
  for (const [name, variable] of Object.entries(PLAIN)) {
    probe.style.color = `var(${variable})`;
    theme[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return theme;
}

/** Calls back when the page turns light or dark; what it returns ends that. */
export function onTheme(call: () => void): () => void {
  const asked = matchMedia("(prefers-color-scheme: dark)");
  asked.addEventListener("change", call);
  const observer = new MutationObserver(call);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  return () => {
    asked.removeEventListener("change", call);
    observer.disconnect();
  };
}
