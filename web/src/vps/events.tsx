/** Events, the newest first. */
import type { Collection } from "../api/collection";
import type { KObject } from "../api/objects";
import { Ago } from "../ui/clock";
import { Trouble } from "../ui/trouble";
import { happeningsOf } from "./facts";

/** Those of a collection that are meant. */
export function Happenings({ collection, events }: { collection: Collection; events: readonly KObject[] }) {
  if (collection.state.value === "refused") return <Trouble error={collection.error.value} />;
  const all = happeningsOf(events);
  if (all.length === 0) return <p class="quiet-text">{collection.state.value === "loading" ? "…" : "Nothing in the last hour: events are kept that long."}</p>;
  return (
    <table class="vps-events" aria-label="Events">
      <thead><tr><th scope="col">Age</th><th scope="col">Reason</th><th scope="col">Message</th><th scope="col">From</th></tr></thead>
      <tbody>
        {all.map((one) => (
          <tr key={one.key} class={one.isWarning ? "vps-warning" : ""}>
            <td class="vps-number"><Ago time={one.time} />{one.count > 1 && ` ×${one.count}`}</td>
            <th scope="row">{one.isWarning && <span aria-hidden="true">⚠ </span>}{one.isWarning && <span class="vps-hidden">Warning: </span>}{one.reason}</th>
            <td>{one.message}</td>
            <td>{one.from}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
