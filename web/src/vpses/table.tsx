/**
 * The rows, in blocks of which only those near the window are drawn: a thousand VPSes cost as much as thirty.
 * A block that is not drawn keeps the height that it had. Where nearly all of a block changes, as when the list is sorted anew, each
 * block but the first waits for its turn, and shows what it had until then.
 */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { turns, useTurn } from "../ui/turns";
import { VPSRow } from "./row";
import { blocked, type Column, fresh, IN_A_BLOCK, type Row, type Wanted } from "./rows";
import { select, selected } from "./selection";

const HEADS: Record<Column, string> = { name: "Name", state: "Status", node: "Node", cores: "Cores", memory: "Memory", age: "Age" };
const ROW = 45; // px of a row that was never drawn
const AROUND = "500px"; // drawn beyond what is seen
const FEW = 3; // rows that are drawn anew at once

interface Shown {
  rows: readonly Row[];
  wanted: Wanted;
  sort: (column: Column) => void;
  withNamespace: boolean;
  selectable: boolean;
  /** The row of this key had the focus, and is drawn somewhere else now. */
  refocus: (key: string) => void;
}

export function Table({ rows, wanted, sort, withNamespace, selectable, refocus }: Shown) {
  const blocks = useMemo(() => blocked(rows), [rows]);
  return (
    <table role="table" class={selectable ? "vpses-table" : "vpses-table vpses-reading"} aria-label="VPSes" aria-rowcount={rows.length + 1}>
      <thead role="rowgroup">
        <tr role="row" class="vpses-row vpses-head" aria-rowindex={1}>
          <th role="columnheader" class="vpses-tick">{selectable && <TickAll rows={rows} />}</th>
          {(Object.keys(HEADS) as Column[]).map((column) => (
            <th
              key={column}
              role="columnheader"
              class={`vpses-${column}`}
              aria-sort={wanted.sort === column ? (wanted.isDescending ? "descending" : "ascending") : undefined}
            >
              <button type="button" class="quiet vpses-sort" onClick={() => sort(column)}>
                {HEADS[column]}
                <span aria-hidden="true">{wanted.sort === column ? (wanted.isDescending ? " ↓" : " ↑") : ""}</span>
              </button>
            </th>
          ))}
          <th role="columnheader" class="vpses-actions"><span class="vpses-unseen">Actions</span></th>
          <th role="columnheader" class="vpses-why"><span class="vpses-unseen">Why</span></th>
        </tr>
      </thead>
      {blocks.map((block, index) => (
        <Block key={index} rows={block} first={index * IN_A_BLOCK} withNamespace={withNamespace} refocus={refocus} />
      ))}
    </table>
  );
}

function TickAll({ rows }: { rows: readonly Row[] }) {
  const all = rows.length > 0 && rows.every((row) => selected.value.has(row.key));
  return <input type="checkbox" aria-label="Select all that are shown" checked={all} onChange={() => select(rows.map((row) => row.key), !all)} />;
}

interface BlockShown {
  rows: readonly Row[];
  first: number;
  withNamespace: boolean;
  refocus: (key: string) => void;
}

function Block({ rows: wanted, first, withNamespace, refocus }: BlockShown) {
  const body = useRef<HTMLTableSectionElement>(null);
  const [isNear, setNear] = useState(first === 0);
  const each = useRef(ROW); // the height of one of its rows, as last drawn
  // Somebody stands in it: the focus is not taken from under them.
  const isDrawn = isNear || (body.current?.contains(document.activeElement) ?? false);
  const rows = useTurn(wanted, (shown) => !isDrawn || first === 0 || fresh(shown, wanted) <= FEW);
  const count = useRef(rows.length);
  count.current = rows.length;
  useEffect(() => {
    const shown = body.current;
    if (!shown) return;
    let back = () => {};
    const observer = new IntersectionObserver(
      (entries) => {
        for (const entry of entries) {
          if (!entry.isIntersecting && shown.dataset.drawn) each.current = entry.boundingClientRect.height / count.current;
          back();
          back = turns.take(() => setNear(entry.isIntersecting));
        }
      },
      { rootMargin: AROUND },
    );
    observer.observe(shown);
    return () => {
      back();
      observer.disconnect();
    };
  }, []);
  useHeldFocus(body.current, rows, refocus);
  return (
    <tbody
      ref={body}
      role="rowgroup"
      data-first={first}
      data-drawn={isDrawn ? "yes" : undefined}
      data-late={rows === wanted ? undefined : "yes"}
      style={isDrawn ? undefined : { height: `${(each.current * rows.length).toFixed(0)}px` }}
    >
      {isDrawn && rows.map((row, index) => <VPSRow key={row.key} row={row} place={first + index + 1} withNamespace={withNamespace} />)}
    </tbody>
  );
}

/** A row that moves to another place, or loses the button that was pressed, keeps the focus. */
function useHeldFocus(body: HTMLElement | null, rows: readonly Row[], refocus: (key: string) => void): void {
  const focused = document.activeElement;
  const held = body?.contains(focused) ? focused?.closest<HTMLElement>("tr[data-key]")?.dataset["key"] : undefined;
  useLayoutEffect(() => {
    if (held !== undefined && document.activeElement === document.body) refocus(held);
  }, [rows]);
}
