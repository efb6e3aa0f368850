/** People: one's own identity for everybody; for administrators the tokens, the namespaces with their quotas, and the Policies. */
import { isAdmin } from "../api/session";
import { href } from "../router";
import { Join } from "./joining";
import { Namespaces } from "./namespaces";
import "./people.css";
import { Policies } from "./policies";
import { Tokens } from "./tokens";
import { You } from "./you";

const TABS = [
  ["tokens", "Tokens", Tokens],
  ["namespaces", "Namespaces", Namespaces],
  ["policies", "Policies", Policies],
  ["join", "Add a machine", Join],
  ["you", "You", You],
] as const;

export function People({ parts }: { parts: readonly string[] }) {
  if (!isAdmin()) return <div class="people"><h1>You</h1><You /></div>;
  const [name = "tokens"] = parts;
  const [, , Shown] = TABS.find(([each]) => each === name) ?? TABS[0];
  return (
    <div class="people">
      <h1>People</h1>
      <nav class="people-tabs" aria-label="Parts of this page">
        {TABS.map(([each, text]) => <a key={each} href={href("people", each)} aria-current={each === name ? "page" : undefined}>{text}</a>)}
      </nav>
      <Shown />
    </div>
  );
}
