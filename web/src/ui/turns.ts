/**
 * Work that is done a piece at a time, one with each frame, so that a long list never keeps the browser from what a person does.
 */
import { useEffect, useReducer, useRef } from "preact/hooks";

/** When the next piece may be done. */
export type Frames = (work: () => void) => void;

/** With the next frame; a page in the background draws none, so then within a second. */
export function withFrame(work: () => void): void {
  let isDone = false;
  const once = () => {
    if (!isDone) work();
    isDone = true;
  };
  if (typeof requestAnimationFrame === "function") requestAnimationFrame(once);
  setTimeout(once, 1000);
}

export class Turns {
  private readonly waiting = new Set<() => void>();

  constructor(private readonly frames: Frames = withFrame) {}

  /** Does it when its turn comes, first come first served; what it returns takes that back. */
  take(piece: () => void): () => void {
    const own = () => piece();
    if (this.waiting.size === 0) this.frames(() => this.next());
    this.waiting.add(own);
    return () => void this.waiting.delete(own);
  }

  private next(): void {
    const [piece] = this.waiting;
    if (!piece) return;
    if (this.waiting.size > 1) this.frames(() => this.next());
    this.waiting.delete(piece);
    piece();
  }
}

/** Those of the whole page. */
export const turns = new Turns();

/**
 * What was wanted when its turn last came; at once where `isSmall` says so of what is shown until then. The first is shown at once.
 * Who waits keeps the place in the queue, whatever is wanted meanwhile.
 */
export function useTurn<T>(wanted: T, isSmall: (shown: T) => boolean): T {
  const shown = useRef(wanted);
  const latest = useRef(wanted);
  const [, draw] = useReducer((count: number, _: undefined) => count + 1, 0);
  latest.current = wanted;
  if (shown.current !== wanted && isSmall(shown.current)) shown.current = wanted;
  const isLate = shown.current !== wanted;
  useEffect(() => {
    if (!isLate) return;
    return turns.take(() => {
      shown.current = latest.current;
      draw(undefined);
    });
  }, [isLate]);
  return shown.current;
}
