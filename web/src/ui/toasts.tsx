/** What just happened, at the edge of the page: seen, and told to screen readers. */
import { signal } from "@preact/signals";
import { asError } from "./trouble";
import "./toasts.css";

export interface Toast {
  id: number;
  text: string;
  hint: string;
  isTrouble: boolean;
}

const AT_ONCE = 4;
const SHOWN_FOR = 6000; // ms; a trouble stays until it is put away
let last = 0;

export const toasts = signal<readonly Toast[]>([]);

/** Says what was done. */
export function announce(text: string, hint = ""): void {
  const id = add({ text, hint, isTrouble: false });
  setTimeout(() => dismiss(id), SHOWN_FOR);
}

/** Says what failed; it stays until somebody puts it away. `what` stands before the server's sentence. */
export function complain(thrown: unknown, what = ""): void {
  const { message, hint } = asError(thrown);
  add({ text: what ? `${what}: ${message}` : message, hint, isTrouble: true });
}

export function dismiss(id: number): void {
  toasts.value = toasts.value.filter((one) => one.id !== id);
}

function add(toast: Omit<Toast, "id">): number {
  const id = ++last;
  const others = toasts.value.filter((one) => one.text !== toast.text);
  toasts.value = [...others, { ...toast, id }].slice(-AT_ONCE);
  return id;
}

/** Where they appear; once on the page. */
export function Toasts() {
  const shown = (isTrouble: boolean) =>
    toasts.value.filter((one) => one.isTrouble === isTrouble).map((one) => (
      <div class={isTrouble ? "toast toast-trouble" : "toast"} key={one.id}>
        <div>
          {one.text}
          {one.hint && <div class="toast-hint">{one.hint}</div>}
        </div>
        <button type="button" class="quiet" aria-label="Put this message away" onClick={() => dismiss(one.id)}>✕</button>
      </div>
    ));
  return (
    <div class="toasts">
      <div role="alert">{shown(true)}</div>
      <div role="status">{shown(false)}</div>
    </div>
  );
}
