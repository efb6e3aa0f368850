/** The Policies there are, each in sentences. They are written with the command. */
import { POLICY } from "../api/kinds";
import { isAdmin } from "../api/session";
import { useEvery } from "../api/every";
import { Trouble } from "../ui/trouble";
import { chosen, limits } from "./policy";

export function Policies() {
  const seen = useEvery(POLICY);
  if (seen.state.value === "loading") return <p class="waiting">…</p>;
  const all = [...seen.objects.value.values()].sort((one, other) => (one.metadata.name < other.metadata.name ? -1 : 1));
  return (
    <section aria-label="Policies">
      <Trouble error={seen.error.value} />
      {all.length === 0 && <p class="quiet-text">There are no Policies: nothing is narrowed beyond the defaults.</p>}
      <ul class="people-cards">
        {all.map((policy) => (
          <li key={policy.metadata.name} class="people-card">
            <h3>{policy.metadata.name}</h3>
            <p class="quiet-text">For {chosen(policy)}</p>
            {limits(policy).map((sentence, at) => <p key={at}>{sentence}</p>)}
          </li>
        ))}
      </ul>
      {isAdmin() && <p class="quiet-text">They are written with the command: <code>kohakuriver apply -f FILE</code>, <code>kohakuriver edit policy NAME</code></p>}
    </section>
  );
}
