/** A state as a word with a symbol of its own shape, so that nobody needs the colour. */
import "./state.css";

export type Tone = "good" | "busy" | "warn" | "bad" | "idle";

interface Look {
  tone: Tone;
  /** An SVG path in a square of 12. */
  path: string;
}

const DISC = "M6 1a5 5 0 1 1 0 10A5 5 0 0 1 6 1z";
const RING = "M6 1a5 5 0 1 1 0 10A5 5 0 0 1 6 1zm0 2a3 3 0 1 0 0 6a3 3 0 0 0 0-6z";
const HALF = "M6 1a5 5 0 1 1 0 10zM6 1a5 5 0 0 0 0 10V9.5a3.5 3.5 0 0 1 0-7z";
const DOTS = "M1 4.7h2.6v2.6H1zm3.7 0h2.6v2.6H4.7zm3.7 0H11v2.6H8.4z";
const BARS = "M2 1.5h3v9H2zm5 0h3v9H7z";
const SQUARE = "M2 2h8v8H2zm1.6 1.6v4.8h4.8V3.6z";
const TRIANGLE = "M6 .8l5.6 10.4H.4zM5.2 4.5v3.2h1.6V4.5zm0 4v1.4h1.6V8.5z";
const CROSS = "M2.4 1L6 4.6L9.6 1L11 2.4L7.4 6L11 9.6L9.6 11L6 7.4L2.4 11L1 9.6L4.6 6L1 2.4z";

const LOOKS: Record<string, Look> = {
  running: { tone: "good", path: DISC },
  assigning: { tone: "busy", path: HALF },
  pending: { tone: "warn", path: DOTS },
  paused: { tone: "busy", path: BARS },
  stopped: { tone: "idle", path: SQUARE },
  lost: { tone: "bad", path: TRIANGLE },
  terminating: { tone: "idle", path: CROSS },
  Ready: { tone: "good", path: DISC },
  NotReady: { tone: "bad", path: TRIANGLE },
  Making: { tone: "busy", path: HALF },
  Failed: { tone: "bad", path: TRIANGLE },
  Pending: { tone: "warn", path: DOTS },
  Taking: { tone: "busy", path: HALF },
  Lost: { tone: "bad", path: TRIANGLE },
  Terminating: { tone: "idle", path: CROSS },
};

/** How a state looks: a VPS's word, a node's words ("Ready,Cordoned"), an Environment's. Pure. */
export function lookOf(word: string): Look {
  const [first = "", ...more] = word.split(",");
  const look = (Object.hasOwn(LOOKS, first) && LOOKS[first]) || { tone: "idle", path: RING };
  return more.length > 0 && look.tone === "good" ? { tone: "warn", path: HALF } : look;
}

export function StateWord({ word }: { word: string }) {
  const { tone, path } = lookOf(word);
  return (
    <span class={`state state-${tone}`}>
      <svg viewBox="0 0 12 12" width="12" height="12" aria-hidden="true"><path d={path} fill-rule="evenodd" /></svg>
      {word.replaceAll(",", ", ")}
    </span>
  );
}
