/** The shells of one VPS that this page has open, and those that its user left open elsewhere. */
import { effect, signal } from "@preact/signals";
import { session as visitor } from "../api/session";
import { Browser, onReturn, shellsThere } from "./browser";
import { leftBy, newSession } from "./protocol";
import { View, type Wishes } from "./view";

/** A shell with nobody at it. */
export interface LeftOpen {
  id: string;
  command: string;
  /** Ms since 1970 when it was left. */
  since: number;
}

const CLAIM_WITHIN = 1000; // ms that the page before a reload has to go

export class Shells {
  readonly open = signal<readonly View[]>([]);
  readonly current = signal<View | undefined>(undefined);
  /** Whether those of before are known. */
  readonly isReady = signal(false);
  /** Of this user, with nobody at them. */
  readonly left = signal<readonly LeftOpen[]>([]);
  /** What the panel that shows them wants to be told. */
  wishes: Wishes | undefined;

  private readonly browser: Browser;
  private isBegun = false;

  constructor(
    private readonly namespace: string,
    private readonly name: string,
  ) {
    this.browser = new Browser(namespace, name);
  }

  /** The first time: those that this tab of the browser had before it was loaded again, else a new one. */
  async begin(wanted: string): Promise<void> {
    if (this.isBegun) return;
    this.isBegun = true;
    const kept = wanted ? { ids: [wanted], current: wanted } : this.kept();
    const ids: string[] = [];
    for (const id of kept.ids) if (await claim(id)) ids.push(id);
    if (!this.isBegun) return; // the visitor has gone meanwhile
    for (const id of ids) this.add(id, true);
    if (ids.length === 0) this.openNew();
    const last = this.open.value.find((one) => one.session.id === kept.current);
    if (last) this.current.value = last;
    this.isReady.value = true;
    void this.look();
  }

  openNew(): void {
    const id = newSession();
    void claim(id);
    this.current.value = this.add(id, false);
    this.keep();
  }

  /** Goes back to one that was left. */
  goBack(id: string): void {
    void claim(id);
    this.left.value = this.left.value.filter((one) => one.id !== id);
    this.current.value = this.add(id, true);
    this.keep();
  }

  show(view: View): void {
    this.current.value = view;
    this.keep();
  }

  /** Takes it off the page; the shell itself is ended, or goes on. */
  close(view: View, how: "end" | "leave"): void {
    const at = this.open.value.indexOf(view);
    this.open.value = this.open.value.filter((one) => one !== view);
    if (this.current.value === view) this.current.value = this.open.value[Math.max(0, at - 1)];
    this.keep();
    const { id, window } = view.session;
    release(id);
    if (how === "end") return view.end();
    const wasThere = view.standing.peek().phase === "open";
    view.dispose();
    if (wasThere && window > 0) this.left.value = [{ id, command: "", since: Date.now() }, ...this.left.value];
  }

  /** Looks which shells its user has left. What cannot be known now is not shown. */
  async look(): Promise<void> {
    const here = new Set(this.open.value.map((one) => one.session.id));
    const found = await shellsThere(this.namespace, this.name).catch(() => []);
    const now = Date.now();
    this.left.value = leftBy(visitor.value?.user ?? "", found, here).map(({ session, command, detached }) => {
      return { id: session, command, since: now - (detached ?? 0) * 1000 };
    });
  }

  endUntouched(): void {
    for (const view of this.open.value) if (view.isUntouched) this.close(view, "end");
  }

  wake(): void {
    for (const view of this.open.value) view.session.wake();
  }

  forget(): void {
    this.isBegun = false;
    for (const view of this.open.value) view.dispose();
    this.open.value = [];
    this.current.value = undefined;
    sessionStorage.removeItem(this.key);
  }

  private add(id: string, isKnown: boolean): View {
    const view: View = new View(this.browser, id, isKnown, {
      search: () => this.wishes?.search(),
      askPaste: (text) => this.wishes?.askPaste(text),
      askLink: (uri) => this.wishes?.askLink(uri),
      tooMuch: () => this.wishes?.tooMuch(),
      copied: (text) => this.wishes?.copied(text),
      leave: () => this.wishes?.leave(),
      renamed: () => {
        void claim(view.session.id);
        this.keep();
        this.wishes?.renamed();
      },
      gone: () => {
        this.wishes?.gone();
        if (this.open.value.length > 1) return this.close(view, "leave");
        view.openAnother();
        view.note.value = "the shell of before has ended; this is a new one";
      },
    });
    this.open.value = [...this.open.value, view];
    this.current.value ??= view;
    return view;
  }

  private get key(): string {
    return `kohakuriver.terminal ${this.namespace}/${this.name}`;
  }

  private keep(): void {
    const ids = this.open.value.map((one) => one.session.id);
    try {
      sessionStorage.setItem(this.key, JSON.stringify({ ids, current: this.current.value?.session.id ?? "" }));
    } catch {
      // a browser that keeps nothing: its shells are found in the list
    }
  }

  private kept(): { ids: string[]; current: string } {
    try {
      const found = (JSON.parse(sessionStorage.getItem(this.key) ?? "{}") ?? {}) as { ids?: unknown; current?: unknown };
      return { ids: Array.isArray(found.ids) ? found.ids.map(String) : [], current: String(found.current ?? "") };
    } catch {
      return { ids: [], current: "" };
    }
  }
}

const all = new Map<string, Shells>();

/** Those of one VPS, as long as the page is there. */
export function shellsOf(namespace: string, name: string): Shells {
  const key = `${namespace}/${name}`;
  let found = all.get(key);
  if (!found) all.set(key, (found = new Shells(namespace, name)));
  return found;
}

/** A shell that was only opened is ended with its page, so that none pile up that nobody wants. */
addEventListener("pagehide", (event) => {
  if (event.persisted) return;
  for (const one of all.values()) one.endUntouched();
});

onReturn(() => {
  for (const one of all.values()) one.wake();
});

effect(() => {
  if (visitor.value !== null) return;
  for (const one of all.values()) one.forget();
  all.clear();
});

const held = new Map<string, () => void>();

/** Whether this page may go to a shell: a tab that was duplicated knows of it too, and two of them would take it from each other. */
function claim(id: string): Promise<boolean> {
  if (!("locks" in navigator) || held.has(id)) return Promise.resolve(true);
  return new Promise((resolve) => {
    const options = { signal: AbortSignal.timeout(CLAIM_WITHIN) };
    navigator.locks
      .request(`kohakuriver.terminal ${id}`, options, () => {
        resolve(true);
        return new Promise<void>((end) => held.set(id, end));
      })
      .catch(() => resolve(false));
  });
}

function release(id: string): void {
  held.get(id)?.();
  held.delete(id);
}
