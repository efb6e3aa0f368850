/** What would change, line by line: each with a sign, not by its colour alone. */
import { differences } from "./diff";

const SIGNS = { same: " ", less: "-", more: "+", gap: "…" } as const;

export function Difference({ label, before, after, same }: { label: string; before: string; after: string; same: string }) {
  const rows = differences(before, after);
  if (rows.length === 0) return <p class="quiet-text">{same}</p>;
  return (
    <pre class="yaml-diff" role="group" aria-label={label} tabIndex={0}>
      {rows.map((row, at) => (
        <div key={at} class={`yaml-${row.kind}`}>
          <span aria-hidden="true">{SIGNS[row.kind]} </span>
          {row.kind === "less" && <span class="vps-hidden">gone: </span>}
          {row.kind === "more" && <span class="vps-hidden">new: </span>}
          {row.text}
        </div>
      ))}
    </pre>
  );
}
