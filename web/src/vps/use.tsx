/** What a VPS uses at this moment, and curves of its last minutes. The stream ends when the tab is left. */
import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { KObject } from "../api/objects";
import { bytes, cores, quantity } from "../api/quantity";
import { Meter } from "../ui/meter";
import { Trouble } from "../ui/trouble";
import { grown, KEPT, NOTHING, type Series, type Used, usedOf } from "./series";
import { type Outcome, Stream, streamPath } from "./stream";

const AGAIN = 2000; // ms; an agent of before tells once, and ends

export function Use({ namespace, name, vps }: { namespace: string; name: string; vps: KObject }) {
  const [used, setUsed] = useState<Used>();
  const [series, setSeries] = useState<Series>(NOTHING);
  const [outcome, setOutcome] = useState<Outcome>();
  const [round, setRound] = useState(0);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let heard = false;
    const stream = new Stream(streamPath("stats", namespace, name), () => ({ follow: "1" }), {
      message: (message) => {
        const found = usedOf(message["stats"]);
        if (!found) return;
        heard = true;
        setOutcome(undefined);
        setUsed(found);
        setSeries((before) => grown(before, found, Date.now() / 1000));
      },
    });
    const stop = stream.outcome.subscribe((now) => {
      if (now.error) setOutcome(now);
      else if (now.ended && heard) timer = setTimeout(() => setRound((before) => before + 1), AGAIN);
    });
    return () => {
      clearTimeout(timer);
      stop();
      stream.close();
    };
  }, [namespace, name, round]);
  if (outcome?.error) return <Trouble error={outcome.error} again={() => setRound(round + 1)} />;
  if (!used) return <p class="waiting">…</p>;
  const grant = vps.status?.assignment?.grant ?? {};
  const has = { cores: quantity(grant.cores) ?? 0, memory: quantity(grant.memory) ?? 0 };
  return (
    <>
      <dl class="vps-use">
        <div><dt>Cores</dt><dd><Meter label="cores in use" used={used.cores} total={has.cores} text={`${cores(round2(used.cores))} of ${cores(has.cores)}`} /></dd></div>
        <div><dt>Memory</dt><dd><Meter label="memory in use" used={used.memory} total={has.memory} text={`${bytes(used.memory)} of ${bytes(has.memory)}`} /></dd></div>
        {used.processes !== undefined && <div><dt>Processes</dt><dd>{used.processes}</dd></div>}
        {used.received !== undefined && <div><dt>Network</dt><dd>{rate(used.received)} in, {rate(used.sent)} out</dd></div>}
        {used.read !== undefined && <div><dt>Disk</dt><dd>{rate(used.read)} read, {rate(used.written)} written</dd></div>}
      </dl>
      <Curve title="Cores" times={series.times} values={series.cores} most={has.cores} write={(value) => cores(round2(value))} />
      <Curve title="Memory" times={series.times} values={series.memory} most={has.memory} write={bytes} />
    </>
  );
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}

function rate(count: number | undefined): string {
  return `${bytes(Math.round(count ?? 0))}B/s`;
}

/** A colour of the page as a canvas takes it: light or dark, as the page is now. */
function resolved(element: HTMLElement, name: string): string {
  element.style.color = `var(${name})`;
  const found = getComputedStyle(element).color;
  element.style.color = "";
  return found;
}

interface Drawn {
  title: string;
  times: number[];
  values: (number | null)[];
  most: number;
  write: (value: number) => string;
}

const HEIGHT = 96;

/** The numbers stand above as text: this is for the eye alone. */
function Curve({ title, times, values, most, write }: Drawn) {
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    const colour = (name: string) => () => resolved(element, name);
    const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui" };
    const made = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        cursor: { show: false },
        padding: [6, 4, 0, 0],
        scales: { x: { range: () => [Date.now() / 1000 - KEPT, Date.now() / 1000] }, y: { range: (_, __, highest) => [0, Math.max(highest ?? 0, most * 0.05) * 1.15 || 1] } },
        axes: [
          { ...axis, size: 20, space: 70, values: (_, all) => all.map((time) => new Date(time * 1000).toTimeString().slice(0, 5)) },
          { ...axis, size: 52, space: 28, values: (_, all) => all.map(write) },
        ],
        series: [{}, { stroke: colour("--busy"), width: 1.5, points: { show: false } }],
      },
      [times, values],
      element,
    );
    plot.current = made;
    const sized = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    sized.observe(element);
    return () => {
      sized.disconnect();
      made.destroy();
    };
  }, [most]);
  useEffect(() => plot.current?.setData([times, values]), [times, values]);
  return (
    <figure class="vps-curve" aria-hidden="true">
      <figcaption>{title}, last 5 minutes</figcaption>
      <div ref={frame} />
    </figure>
  );
}
