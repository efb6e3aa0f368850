/** Dialogs: one that asks before something is lost, and the frame for any other. */
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import "./dialog.css";

interface Frame {
  title: string;
  /** Escape, or a click beside it. */
  onClose: () => void;
  children: ComponentChildren;
  class?: string;
}

/** A modal dialog; the browser moves the focus in, keeps it there and gives it back. */
export function Dialog({ title, onClose, children, class: more = "" }: Frame) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  // At once, not after the next frame: the keys that follow are the dialog's.
  useLayoutEffect(() => {
    const shown = dialog.current;
    const before = document.activeElement;
    shown?.showModal();
    return () => {
      shown?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class={`dialog ${more}`}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onMouseDown={(event) => event.target === dialog.current && onClose()}
    >
      <div class="dialog-inside">
        <h2 id={id}>{title}</h2>
        {children}
      </div>
    </dialog>
  );
}

export interface Question {
  title: string;
  /** What will be lost, or what follows: a paragraph each. */
  lines: readonly string[];
  /** The word on the button that does it: "Delete dev". */
  action: string;
  isDangerous?: boolean;
}

const asked = signal<(Question & { answer: (yes: boolean) => void }) | undefined>(undefined);

/** Asks, and says whether the answer was yes. */
export function confirm(question: Question): Promise<boolean> {
  asked.peek()?.answer(false);
  return new Promise((resolve) => {
    asked.value = {
      ...question,
      answer: (yes) => {
        asked.value = undefined;
        resolve(yes);
      },
    };
  });
}

/** Where `confirm` asks; once on the page. */
export function Confirmation() {
  const question = asked.value;
  if (!question) return null;
  return (
    <Dialog key={question.title} title={question.title} onClose={() => question.answer(false)}>
      {question.lines.map((line, index) => <p key={index}>{line}</p>)}
      <div class="dialog-buttons">
        <button type="button" autofocus onClick={() => question.answer(false)}>Cancel</button>
        <button type="button" class={question.isDangerous ? "danger" : "primary"} onClick={() => question.answer(true)}>
          {question.action}
        </button>
      </div>
    </Dialog>
  );
}
