/** How much of something is taken: a bar, and the same as text. */
import "./meter.css";

interface Shown {
  /** What is measured: "memory". */
  label: string;
  used: number;
  total: number;
  /** The same in words: "1.2Gi of 4Gi". */
  text: string;
}

/** The part of `total` from 0 to 1; 0 where there is nothing to take from. Pure. */
export function share(used: number, total: number): number {
  return total > 0 && Number.isFinite(used) ? Math.min(1, Math.max(0, used / total)) : 0;
}

export function Meter({ label, used, total, text }: Shown) {
  const part = share(used, total);
  const level = part >= 0.95 ? " meter-full" : part >= 0.8 ? " meter-high" : "";
  return (
    <span
      class={`meter${level}`}
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(part * 100)}
      aria-valuetext={text}
    >
      <span class="meter-bar"><span style={{ width: `${(part * 100).toFixed(1)}%` }} /></span>
      <span class="meter-text">{text}</span>
    </span>
  );
}
