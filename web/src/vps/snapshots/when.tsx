/** A moment to come: how long until then, and the moment in full. */
import { useComputed } from "@preact/signals";
import { age, moment, now } from "../../ui/clock";

/** "in 5h12m (2026-12-02 03:00:00 UTC)". */
export function When({ at }: { at: number }) {
  return <>in <Until key={at} at={at} /> ({moment(new Date(at).toISOString())})</>;
}

/** How long until then; 0s once it has come. */
export function Until({ at }: { at: number }) {
  const left = useComputed(() => age((at - now.value) / 1000));
  const time = new Date(at).toISOString();
  return <time dateTime={time} title={moment(time)}>{left}</time>;
}
