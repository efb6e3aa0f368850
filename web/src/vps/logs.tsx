/** What the main process of a VPS writes, as it comes: the last lines, with a search, and as a file. */
import { Component } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { KObject } from "../api/objects";
import { nodeOf, observedOf } from "../api/vps";
import { Trouble } from "../ui/trouble";
import { turns } from "../ui/turns";
import { Backlog, CHUNK, type Chunk, type Line, LogBuffer, MOST_LINES, Search } from "./logbuffer";
import { type Outcome, type State, Stream, streamPath } from "./stream";

export function Logs({ namespace, name, vps }: { namespace: string; name: string; vps: KObject }) {
  const buffer = useMemo(() => new LogBuffer(), [namespace, name]);
  const { state, outcome, drawn } = useLog(buffer, vps);
  const [words, setWords] = useState("");
  const [hasTimes, setTimes] = useState(false);
  const [wraps, setWraps] = useState(true);
  const search = useMemo(() => new Search(), [buffer]);
  const found = search.in(buffer.chunks, words);
  const count = found.reduce((sum, chunk) => sum + chunk.lines.length, 0);
  const isFull = buffer.gone > 0 || buffer.count >= MOST_LINES;
  return (
    <div class="vps-logs">
      <div class="vps-row" role="group" aria-label="How the log is shown">
        <label>Only lines with <input type="search" value={words} onInput={(event) => setWords(event.currentTarget.value)} /></label>
        <label><input type="checkbox" checked={hasTimes} onChange={() => setTimes(!hasTimes)} /> Times</label>
        <label><input type="checkbox" checked={wraps} onChange={() => setWraps(!wraps)} /> Wrap</label>
        <button type="button" onClick={() => download(`${name}.log`, buffer.file(hasTimes))} disabled={buffer.count === 0}>Download</button>
        <span class="quiet-text" role="status">{words && `${count} of `}{isFull && "the last "}{counted(buffer.count)}</span>
      </div>
      {outcome.error && <Trouble error={outcome.error} />}
      <Lines chunks={found} words={words} drawn={drawn} hasTimes={hasTimes} wraps={wraps} isEmpty={buffer.count === 0 && state !== "opening"} />
      <p class="quiet-text vps-log-end" role="status">{standing(state, outcome)}</p>
    </div>
  );
}

function counted(count: number): string {
  return count === 1 ? "1 line" : `${count} lines`;
}

function standing(state: State, outcome: Outcome): string {
  if (outcome.error) return "";
  if (state === "over") return outcome.ended === "that is all" ? "" : `${outcome.ended}; what it writes comes here once it runs again`;
  return { opening: "…", open: "what it writes comes here at once", broken: "the connection was lost; this page tries again by itself" }[state];
}

/** Follows the log, and anew whenever the VPS was started again. */
function useLog(buffer: LogBuffer, vps: KObject) {
  const { namespace = "", name } = vps.metadata;
  const [state, setState] = useState<State>("opening");
  const [outcome, setOutcome] = useState<Outcome>({ ended: "", error: undefined });
  const [drawn, setDrawn] = useState(0);
  const start = `${nodeOf(vps)} ${vps.status?.assignment?.epoch ?? ""} ${observedOf(vps).container?.startedAt ?? ""}`;
  useEffect(() => {
    const backlog = new Backlog(buffer);
    let back: (() => void) | undefined;
    const draw = () => {
      back ??= turns.take(() => {
        back = undefined;
        backlog.read();
        setDrawn((before) => before + 1);
        if (!backlog.isEmpty) draw();
      });
    };
    const query = (): Record<string, string> => {
      backlog.readAll();
      const from: Record<string, string> = buffer.newest ? { since: buffer.newest } : { tail: String(MOST_LINES) };
      return { follow: "1", timestamps: "1", ...from };
    };
    const stream = new Stream(streamPath("logs", namespace, name), query, {
      began: () => {
        backlog.readAll();
        buffer.restart();
      },
      bytes: (data) => {
        backlog.add(data);
        draw();
      },
      message: (message) => {
        if (message["channel"] === "stdout" || message["channel"] === "stderr") backlog.turn(message["channel"]);
      },
    });
    const stops = [
      stream.state.subscribe((now) => {
        if (now === "over") {
          backlog.readAll();
          buffer.end();
        }
        setState(now);
        draw();
      }),
      stream.outcome.subscribe(setOutcome),
    ];
    return () => {
      back?.();
      for (const stop of stops) stop();
      stream.close();
    };
  }, [buffer, namespace, name, start]);
  return { state, outcome, drawn };
}

interface Shown {
  chunks: readonly Chunk[];
  words: string;
  drawn: number;
  hasTimes: boolean;
  wraps: boolean;
  isEmpty: boolean;
}

const NEAR = 24; // pixels from the end that still count as the end
const MANY = 2 * CHUNK; // lines that came at once, with which drawing begins anew at the end

/** It stays at the end for as long as nobody scrolls up. Chunks are drawn one with each frame, from the end: thousands of lines do not hold the page up. */
function Lines({ chunks, words, drawn, hasTimes, wraps, isEmpty }: Shown) {
  const frame = useRef<HTMLDivElement>(null);
  const [isAtEnd, setAtEnd] = useState(true);
  const depth = useDepth(chunks, isAtEnd, `${words}\n${hasTimes}`);
  const toEnd = () => {
    const element = frame.current;
    if (element) element.scrollTop = element.scrollHeight;
  };
  useLayoutEffect(() => {
    if (isAtEnd) toEnd();
  }, [drawn, isAtEnd, words, hasTimes, wraps, depth]);
  return (
    <div class="vps-log-frame">
      <div
        ref={frame}
        class={`vps-log${wraps ? " vps-log-wraps" : ""}`}
        role="region"
        aria-label="Log"
        tabIndex={0}
        onScroll={() => {
          const element = frame.current;
          if (element) setAtEnd(element.scrollTop + element.clientHeight >= element.scrollHeight - NEAR);
        }}
      >
        {isEmpty && <p class="quiet-text">Its main process has written nothing.</p>}
        {chunks.slice(-depth).map((chunk) => <Part key={chunk.first} lines={chunk.lines} words={words} hasTimes={hasTimes} />)}
      </div>
      {!isAtEnd && <button type="button" class="vps-log-follow" onClick={() => { setAtEnd(true); toEnd(); }}>To the end ↓</button>}
    </div>
  );
}

/** How many chunks are drawn, counted from the end: one more with each turn, and from the first again where all are others. */
function useDepth(chunks: readonly Chunk[], isAtEnd: boolean, shape: string): number {
  const state = useRef({ depth: 1, shape, newest: 0 });
  const [, draw] = useState(0);
  const now = state.current;
  const newest = chunks.at(-1)?.first ?? 0;
  if (now.shape !== shape || (isAtEnd && newest - now.newest > MANY)) now.depth = 1;
  now.shape = shape;
  now.newest = newest;
  const isWhole = now.depth >= chunks.length;
  useEffect(() => {
    if (isWhole) return;
    return turns.take(() => {
      now.depth++;
      draw((count) => count + 1);
    });
  });
  return now.depth;
}

interface PartShown {
  lines: readonly Line[];
  words: string;
  hasTimes: boolean;
}

/** A hundred lines: drawn once, and not at all while they are out of sight. */
class Part extends Component<PartShown> {
  override shouldComponentUpdate(next: PartShown): boolean {
    return next.lines !== this.props.lines || next.words !== this.props.words || next.hasTimes !== this.props.hasTimes;
  }

  render({ lines, words, hasTimes }: PartShown) {
    return (
      <div class="vps-log-part" style={{ containIntrinsicSize: `auto ${lines.length * 1.4}em` }}>
        {lines.map((line) => (
          <div key={line.number} class={line.channel === "stderr" ? "vps-log-stderr" : undefined}>
            {hasTimes && line.time && <time dateTime={line.time}>{line.time.slice(0, 19).replace("T", " ")} </time>}
            {words ? marked(line.text, words) : line.pieces.map((piece, at) => (piece.style ? <span key={at} class={classes(piece.style)}>{piece.text}</span> : piece.text))}
            {line.text === "" && !hasTimes && "\u200b"}
          </div>
        ))}
      </div>
    );
  }
}

function classes(style: string): string {
  return style.split(" ").map((one) => `vps-ansi-${one}`).join(" ");
}

function marked(text: string, words: string) {
  const found = [];
  const [low, wanted] = [text.toLowerCase(), words.toLowerCase()];
  let from = 0;
  for (let at = low.indexOf(wanted); at >= 0; at = low.indexOf(wanted, from)) {
    found.push(text.slice(from, at), <mark key={at}>{text.slice(at, at + words.length)}</mark>);
    from = at + words.length;
  }
  found.push(text.slice(from));
  return found;
}

function download(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
