/** A long list of which only what is seen is drawn; all rows are of one height. */
import type { ComponentChildren, ComponentProps } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

export const ROW = 30; // pixels, as in files.css
const SPARE = 10; // rows that are drawn beyond each edge

/** The rows from `first` to before `end` that are wanted. Pure. */
export function wanted(top: number, height: number, count: number): { first: number; end: number } {
  const first = Math.max(0, Math.min(count, Math.floor(top / ROW)) - SPARE);
  return { first, end: Math.min(count, Math.ceil((top + height) / ROW) + SPARE) };
}

/** Where to scroll so that this row is seen whole. Pure. */
export function scrolledTo(row: number, top: number, height: number, head = 0): number {
  const start = row * ROW;
  if (start < top) return start;
  return start + ROW > top + height - head ? start + ROW - height + head : top;
}

/** How many rows a page of them has. */
export function pageOf(box: HTMLElement): number {
  return Math.max(1, Math.floor(box.clientHeight / ROW) - 2);
}

interface Shown extends Omit<ComponentProps<"div">, "children" | "ref"> {
  count: number;
  /** The row that the keys are at; it is scrolled to when it changes. */
  at: number;
  row: (index: number) => ComponentChildren;
  /** What stands above the rows, and stays there. */
  head?: ComponentChildren;
  /** Given the focus when this changes. */
  focusKey?: unknown;
}

export function Rows({ count, at, row, head, focusKey, ...more }: Shown) {
  const box = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState({ top: 0, height: 600 });
  useLayoutEffect(() => {
    const shown = box.current;
    if (!shown) return;
    const measure = () => setSeen({ top: shown.scrollTop, height: shown.clientHeight });
    measure();
    const watch = new ResizeObserver(measure);
    watch.observe(shown);
    return () => watch.disconnect();
  }, []);
  useLayoutEffect(() => {
    const shown = box.current;
    if (!shown || at < 0) return;
    const top = scrolledTo(at, shown.scrollTop, shown.clientHeight, head ? ROW : 0);
    if (top !== shown.scrollTop) shown.scrollTop = top;
  }, [at, count]);
  const isFirst = useRef(true);
  useEffect(() => {
    if (!isFirst.current) box.current?.focus({ preventScroll: true });
    isFirst.current = false;
  }, [focusKey]);
  const { first, end } = wanted(seen.top, seen.height, count);
  const drawn = [];
  for (let index = first; index < end; index++) drawn.push(row(index));
  return (
    <div
      {...more}
      ref={box}
      tabIndex={0}
      onScroll={(event) => setSeen({ top: event.currentTarget.scrollTop, height: event.currentTarget.clientHeight })}
    >
      {head}
      <div role="presentation" style={{ height: `${first * ROW}px` }} />
      {drawn}
      <div role="presentation" style={{ height: `${(count - end) * ROW}px` }} />
    </div>
  );
}
