/**
 * A long list of which only what is near the window is drawn. It is cut into chunks; one that is far away is a gap as
 * high as it was, so that a thousand nodes cost as much as those that somebody sees. Chunks are drawn one with each frame, and those
 * of which other items are to be shown wait for their turn.
 */
import { type ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { turns, useTurn } from "../ui/turns";

interface Shown<T> {
  items: readonly T[];
  /** How many are in one chunk. */
  each: number;
  /** About how high one is, in px, until it has been drawn. */
  height: number;
  draw: (item: T, index: number) => ComponentChildren;
  /** "tbody" for the rows of a table. */
  as?: "div" | "tbody";
  class?: string;
  /** The item that is drawn wherever it is. */
  shown?: number;
}

/** How far beyond the window is drawn, so that scrolling does not meet gaps. */
const AHEAD = "900px 0px";
const FEW = 2; // items that are drawn anew at once

export function Chunks<T>({ items, each, height, draw, as = "div", class: name = "", shown = 0 }: Shown<T>) {
  const count = Math.ceil(items.length / each);
  return (
    <>
      {Array.from({ length: count }, (_, at) => (
        <Chunk key={at} as={as} class={name} isDrawn={at === 0 || at === Math.floor(shown / each)} isFirst={at === 0} height={height} items={items} from={at * each} to={(at + 1) * each} draw={draw} />
      ))}
    </>
  );
}

/** How many items of a chunk are not the same any more. */
function others(before: readonly unknown[], items: readonly unknown[], from: number, to: number): number {
  let count = 0;
  for (let at = from; at < Math.min(to, items.length); at++) if (before[at] !== items[at]) count++;
  return count;
}

interface One<T> {
  as: "div" | "tbody";
  class: string;
  isDrawn: boolean;
  isFirst: boolean;
  /** Of one item that was never drawn. */
  height: number;
  items: readonly T[];
  from: number;
  to: number;
  draw: (item: T, index: number) => ComponentChildren;
}

function Chunk<T>({ as: Tag, class: name, isDrawn, isFirst, height, items: all, from, to, draw }: One<T>) {
  const place = useRef<HTMLElement>(null);
  const each = useRef(height);
  const [isNear, setNear] = useState(isDrawn);
  const items = useTurn(all, (shown) => isFirst || !isNear || others(shown, all, from, to) <= FEW).slice(from, to);
  const count = useRef(0);
  count.current = items.length;
  useEffect(() => {
    const here = place.current;
    if (!here) return;
    let back = () => {};
    const watcher = new IntersectionObserver(
      (entries) => {
        for (const entry of entries) {
          const is = entry.isIntersecting || here.contains(document.activeElement);
          if (!is && here.dataset["drawn"] && count.current > 0) each.current = entry.boundingClientRect.height / count.current;
          back();
          back = turns.take(() => setNear(is));
        }
      },
      { rootMargin: AHEAD },
    );
    watcher.observe(here);
    return () => {
      back();
      watcher.disconnect();
    };
  }, []);
  useEffect(() => void (isDrawn && setNear(true)), [isDrawn]);
  const gap = `${(each.current * items.length).toFixed(0)}px`;
  const isTable = Tag === "tbody";
  return (
    <Tag
      ref={place as never}
      class={name}
      data-drawn={isNear ? "yes" : undefined}
      style={isNear || isTable ? undefined : { height: gap }}
      role={isTable ? undefined : "presentation"}
    >
      {isNear ? items.map((item, index) => draw(item, from + index)) : isTable ? <tr aria-hidden="true"><td style={{ height: gap, padding: 0 }} /></tr> : null}
    </Tag>
  );
}
