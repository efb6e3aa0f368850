/**
 * A long list of which only what is near the window is drawn. It is cut into chunks; one that is far away is a gap as
 * high as it was, so that a thousand nodes cost as much as those that somebody sees.
 */
import { type ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

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

export function Chunks<T>({ items, each, height, draw, as = "div", class: name = "", shown = 0 }: Shown<T>) {
  const count = Math.ceil(items.length / each);
  return (
    <>
      {Array.from({ length: count }, (_, at) => (
        <Chunk key={at} as={as} class={name} isDrawn={at === 0 || at === Math.floor(shown / each)} height={height * Math.min(each, items.length - at * each)}>
          {() => items.slice(at * each, (at + 1) * each).map((item, index) => draw(item, at * each + index))}
        </Chunk>
      ))}
    </>
  );
}

interface One {
  as: "div" | "tbody";
  class: string;
  isDrawn: boolean;
  height: number;
  children: () => ComponentChildren;
}

function Chunk({ as: Tag, class: name, isDrawn, height, children }: One) {
  const place = useRef<HTMLElement>(null);
  const was = useRef(height);
  const [isNear, setNear] = useState(isDrawn);
  useEffect(() => {
    const here = place.current;
    if (!here) return;
    const watcher = new IntersectionObserver(([entry]) => entry && setNear(entry.isIntersecting || here.contains(document.activeElement)), {
      rootMargin: AHEAD,
    });
    watcher.observe(here);
    return () => watcher.disconnect();
  }, []);
  useEffect(() => void (isDrawn && setNear(true)), [isDrawn]);
  useLayoutEffect(() => {
    if (isNear && place.current) was.current = place.current.offsetHeight;
  });
  const gap = Tag === "tbody" ? <tr aria-hidden="true"><td style={{ height: `${was.current}px`, padding: 0 }} /></tr> : null;
  const style = isNear || Tag === "tbody" ? undefined : { height: `${was.current}px` };
  return <Tag ref={place as never} class={name} style={style} role={Tag === "div" ? "presentation" : undefined}>{isNear ? children() : gap}</Tag>;
}
