/** What is under way, with how far it is and a way to end it; what failed stays until it is put away. */
import { bytes } from "../api/quantity";
import { Trouble } from "../ui/trouble";
import { Name } from "./name";
import { shown } from "./printable";
import type { Transfer, Transfers } from "./transfers";

export function Moving({ transfers }: { transfers: Transfers }) {
  if (transfers.list.value.length === 0) return null;
  return (
    <section class="files-moving" aria-label="Transfers">
      {transfers.list.value.map((one) => <Line key={one.id} one={one} away={() => transfers.dismiss(one)} />)}
    </section>
  );
}

function Line({ one, away }: { one: Transfer; away: () => void }) {
  const label = `${one.verb} of ${shown(one.name)}`;
  if (one.stage.value === "failed") {
    return (
      <div class="files-move">
        <span class="files-move-name">{one.verb} <Name text={one.name} /></span>
        <Trouble error={one.trouble.value} />
        <button type="button" class="quiet" aria-label={`Put ${label} away`} onClick={away}>✕</button>
      </div>
    );
  }
  const [done, all] = [one.done.value, one.all.value];
  const amount = one.verb === "Delete" ? `${done} of ${all}` : all === undefined ? bytes(done) : `${bytes(done)} of ${bytes(all)}`;
  return (
    <div class="files-move">
      <span class="files-move-name">{one.verb} <Name text={one.name} /></span>
      <progress aria-label={label} max={all === undefined ? undefined : Math.max(1, all)} value={all === undefined ? undefined : done} />
      <span class="files-amount">{one.stage.value === "waiting" ? "waits" : amount}</span>
      <button type="button" aria-label={`Cancel ${label}`} onClick={one.cancel}>Cancel</button>
    </div>
  );
}
