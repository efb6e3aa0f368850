/** A button that opens a list of what can be done. */
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import "./menu.css";

export interface Item {
  text: string;
  act: () => void;
  /** The key that does the same on this screen. */
  keys?: string;
  isDangerous?: boolean;
  /** Why it cannot be done now: it is shown, and does nothing. */
  whyNot?: string;
}

/** The place after `from` when so many are gone through in a ring. Pure. */
export function turned(from: number, by: number, count: number): number {
  return count === 0 ? -1 : (from + by + count) % count;
}

/** The next item after `from` whose text begins with a letter; -1 where none does. Pure. */
export function beginning(items: readonly { text: string }[], letter: string, from: number): number {
  for (let step = 1; step <= items.length; step++) {
    const at = turned(from, step, items.length);
    if (items[at]?.text.toLowerCase().startsWith(letter.toLowerCase())) return at;
  }
  return -1;
}

interface Shown {
  /** What the button is called; it is its text too where `children` are none. */
  label: string;
  items: readonly Item[];
  children?: ComponentChildren;
  class?: string;
}

export function Menu({ label, items, children, class: more = "" }: Shown) {
  const [open, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();
  const close = (giveBack: boolean) => {
    setOpen(false);
    if (giveBack) button.current?.focus();
  };
  return (
    <>
      <button
        ref={button}
        type="button"
        class={more}
        aria-haspopup="menu"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        aria-label={children ? label : undefined}
        title={children ? label : undefined}
        onClick={(event) => {
          event.stopPropagation();
          setOpen(!open);
        }}
        onKeyDown={(event) => {
          if (event.key !== "ArrowDown" || open) return;
          event.preventDefault();
          event.stopPropagation();
          setOpen(true);
        }}
      >
        {children ?? label}
      </button>
      {open && button.current && <List id={id} label={label} items={items} at={button.current} close={close} />}
    </>
  );
}

interface Listed {
  id: string;
  label: string;
  items: readonly Item[];
  at: HTMLElement;
  close: (giveBack: boolean) => void;
}

function List({ id, label, items, at, close }: Listed) {
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const shown = list.current;
    if (!shown) return;
    shown.showPopover();
    place(shown, at);
    focusOn(shown, 0);
    const outside = (event: Event) => {
      if (event.target instanceof Node && !shown.contains(event.target) && !at.contains(event.target)) close(false);
    };
    const moved = (event: Event) => event.target instanceof Node && event.target.contains(at) && close(false);
    document.addEventListener("pointerdown", outside, true);
    document.addEventListener("scroll", moved, true);
    return () => {
      document.removeEventListener("pointerdown", outside, true);
      document.removeEventListener("scroll", moved, true);
    };
  }, []);
  const move = (event: KeyboardEvent) => {
    const shown = list.current;
    if (!shown) return;
    const present = [...shown.children].indexOf(document.activeElement as Element);
    const to: Record<string, number> = {
      ArrowDown: turned(present, 1, items.length),
      ArrowUp: turned(present, -1, items.length),
      Home: 0,
      End: items.length - 1,
    };
    event.stopPropagation();
    if (event.key === "Escape" || event.key === "Tab") {
      if (event.key === "Escape") event.preventDefault();
      return close(true);
    }
    const isLetter = event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey && !event.altKey;
    const found = to[event.key] ?? (isLetter ? beginning(items, event.key, present) : -1);
    if (found < 0) return;
    event.preventDefault();
    focusOn(shown, found);
  };
  return (
    <div ref={list} id={id} class="menu" role="menu" aria-label={label} popover="manual" onKeyDown={move}>
      {items.map((item) => (
        <button
          key={item.text}
          type="button"
          role="menuitem"
          tabIndex={-1}
          class={item.isDangerous ? "danger" : ""}
          aria-disabled={item.whyNot ? true : undefined}
          aria-keyshortcuts={item.keys}
          onClick={(event) => {
            event.stopPropagation();
            if (item.whyNot) return;
            close(true);
            item.act();
          }}
        >
          <span>{item.text}{item.whyNot && <small>{item.whyNot}</small>}</span>
          {item.keys && <kbd aria-hidden="true">{item.keys}</kbd>}
        </button>
      ))}
    </div>
  );
}

function focusOn(list: Element, index: number): void {
  (list.children[index] as HTMLElement | undefined)?.focus();
}

/** Below the button, or above it where there is no room; never over the edge of the window. */
function place(list: HTMLElement, at: HTMLElement): void {
  const button = at.getBoundingClientRect();
  const { width, height } = list.getBoundingClientRect();
  const below = button.bottom + 4 + height <= innerHeight;
  list.style.top = `${Math.max(4, below ? button.bottom + 4 : button.top - height - 4)}px`;
  list.style.left = `${Math.max(4, Math.min(button.right - width, innerWidth - width - 4))}px`;
}
