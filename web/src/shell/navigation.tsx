/** The bar with the ways through the page. */
import { isAdmin, logOut, session } from "../api/session";
import { href } from "../router";
import { type Item, Menu } from "../ui/menu";
import { choose, type Theme, theme, THEMES } from "./theme";

const WAYS: readonly (readonly [name: string, text: string])[] = [
  ["vpses", "VPSes"],
  ["create", "Create"],
  ["cluster", "Cluster"],
];

export function Navigation({ current, openPalette }: { current: string; openPalette: () => void }) {
  const mayCreate = session.value?.role !== "viewer";
  const ways = [...WAYS, ["people", isAdmin() ? "People" : "You"] as const].filter(([name]) => name !== "create" || mayCreate);
  return (
    <header class="bar">
      <a class="skip" href="#main">Skip to the content</a>
      <a class="brand" href="/ui/">KohakuRiver</a>
      <nav aria-label="Main">
        {ways.map(([name, text]) => (
          <a key={name} href={href(name)} aria-current={name === current ? "page" : undefined}>{text}</a>
        ))}
      </nav>
      <button type="button" class="bar-search" aria-keyshortcuts="Control+K" onClick={openPalette}>
        <span>Go to …</span> <kbd>Ctrl K</kbd>
      </button>
      <Menu label={`${session.value?.user ?? ""}: theme and log out`} class="quiet" items={yours()}>
        <span class="who">{session.value?.user}</span> <span aria-hidden="true">▾</span>
      </Menu>
    </header>
  );
}

function yours(): readonly Item[] {
  const marked = (name: Theme) => `${theme.value === name ? "✓ " : ""}Theme: ${name}`;
  return [
    ...THEMES.map((name): Item => ({ text: marked(name), act: () => choose(name) })),
    { text: `Log out ${session.value?.user ?? ""} (${session.value?.role ?? ""})`, act: () => void logOut() },
  ];
}
