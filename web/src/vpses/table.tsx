/**
 * The rows, in blocks of which only those near the window are drawn: a thousand VPSes cost as much as thirty.
 * A block that is not drawn keeps the height that it had.
 */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { VPSRow } from "./row";
import { blocked, type Column, IN_A_BLOCK, type Row, type Wanted } from "./rows";
import { select, selected } from "./selection";

const HEADS: Record<Column, string> = { name: "Name", state: "Status", node: "Node", cores: "Cores", memory: "Memory", age: "Age" };
const ROW = 45; // px of a row that was never drawn
const AROUND = "500px"; // drawn beyond what is seen

interface Shown {
  rows: readonly Row[];
  wanted: Wanted;
  sort: (column: Column) => void;
  withNamespace: boolean;
  selectable: boolean;
}

export function Table({ rows, wanted, sort, withNamespace, selectable }: Shown) {
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
        <Block key={index} rows={block} first={index * IN_A_BLOCK} withNamespace={withNamespace} isDrawnFirst={index < 3} />
      ))}
    </table>
  );
}

function TickAll({ rows }: { rows: readonly Row[] }) {
  const all = rows.length > 0 && rows.every((row) => selected.value.has(row.key));
  return <input type="checkbox" aria-label="Select all that are shown" checked={all} onChange={() => select(rows.map((row) => row.key), !all)} />;
}

function Block({ rows, first, withNamespace, isDrawnFirst }: { rows: readonly Row[]; first: number; withNamespace: boolean; isDrawnFirst: boolean }) {
  const body = useRef<HTMLTableSectionElement>(null);
  const [isNear, setNear] = useState(isDrawnFirst);
  const each = useRef(ROW); // the height of one of its rows, as last drawn
  const count = useRef(rows.length);
  count.current = rows.length;
  useEffect(() => {
    const shown = body.current;
    if (!shown) return;
    const observer = new IntersectionObserver(
      (entries) => {
        for (const entry of entries) {
          if (!entry.isIntersecting && shown.dataset.drawn) each.current = entry.boundingClientRect.height / count.current;
          setNear(entry.isIntersecting);
        }
      },
      { rootMargin: AROUND },
    );
    observer.observe(shown);
    return () => observer.disconnect();
  }, []);
  // Somebody stands in it: the focus is not taken from under them.
  const isDrawn = isNear || (body.current?.contains(document.activeElement) ?? false);
  return (
    <tbody
      ref={body}
      role="rowgroup"
      data-first={first}
      data-drawn={isDrawn ? "yes" : undefined}
      style={isDrawn ? undefined : { height: `${(each.current * rows.length).toFixed(0)}px` }}
    >
      {isDrawn && rows.map((row, index) => <VPSRow key={row.key} row={row} place={first + index + 1} withNamespace={withNamespace} />)}
    </tbody>
  );
}
