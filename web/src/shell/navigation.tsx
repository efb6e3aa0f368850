/** The bar with the ways through the page. */
import { isAdmin, logOut, session } from "../api/session";
import { href } from "../router";

const WAYS: readonly (readonly [name: string, text: string])[] = [
  ["vpses", "VPSes"],
  ["create", "Create"],
  ["cluster", "Cluster"],
];

export function Navigation({ current }: { current: string }) {
  const ways = isAdmin() ? [...WAYS, ["people", "People"] as const] : WAYS;
  return (
    <header class="bar">
      <a class="skip" href="#main">Skip to the content</a>
      <a class="brand" href="/ui/">KohakuRiver</a>
      <nav aria-label="Main">
        {ways.map(([name, text]) => (
          <a key={name} href={href(name)} aria-current={name === current ? "page" : undefined}>{text}</a>
        ))}
      </nav>
      <span class="who" title={session.value?.role}>{session.value?.user}</span>
      <button type="button" class="quiet" onClick={() => void logOut()}>Log out</button>
    </header>
  );
}
