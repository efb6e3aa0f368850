/** Dialogs of the files: a name, and what to do with a name that is taken. */
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { Dialog } from "../ui/dialog";
import { Trouble } from "../ui/trouble";
import { wrongName } from "./entry";
import { shown } from "./printable";
import type { Taken } from "./transfers";

const open = signal<ComponentChildren>(undefined);

/** Where these dialogs appear; once in the panel. */
export function Asking() {
  return <>{open.value}</>;
}

interface Naming {
  title: string;
  action: string;
  /** What it is called now. */
  name?: string;
  /** Does it; the dialog stays open with what that throws. */
  act: (name: string) => Promise<void>;
  /** Called when the dialog has gone, with it done. */
  done?: () => void;
}

export function askName(naming: Naming): void {
  open.value = <NameDialog {...naming} close={() => (open.value = undefined)} />;
}

function NameDialog({ title, action, name = "", act, done, close }: Naming & { close: () => void }) {
  const [value, setValue] = useState(name);
  const [trouble, setTrouble] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const id = useId();
  useEffect(() => {
    const dot = name.lastIndexOf(".");
    input.current?.focus();
    input.current?.setSelectionRange(0, dot > 0 ? dot : name.length);
  }, []);
  const wrong = wrongName(value);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (wrong || isBusy) return;
    setBusy(true);
    try {
      await act(value);
      close();
      done?.();
    } catch (error) {
      setTrouble(error);
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={close}>
      <form onSubmit={(event) => void submit(event)}>
        <label class="files-label" for={id}>Name</label>
        <input
          id={id}
          ref={input}
          class="files-input mono"
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          value={value}
          aria-describedby={`${id}-about`}
          onInput={(event) => {
            setValue(event.currentTarget.value);
            setTrouble(undefined);
          }}
        />
        <p id={`${id}-about`} class="quiet-text">{value && wrong ? wrong : shown(value) !== value ? `it reads: ${shown(value)}` : "\u00a0"}</p>
        <Trouble error={trouble} />
        <div class="dialog-buttons">
          <button type="button" onClick={close}>Cancel</button>
          <button type="submit" class="primary" disabled={Boolean(wrong) || isBusy || value === name}>{action}</button>
        </div>
      </form>
    </Dialog>
  );
}

/** Asks what becomes of a file whose name is taken; once it was said for all, nobody is asked again. */
export function asker(count: number): (path: string) => Promise<Taken> {
  let forAll: Taken | undefined;
  return (path) => {
    if (forAll) return Promise.resolve(forAll);
    return new Promise((resolve) => {
      const answer = (taken: Taken, isForAll = false) => {
        if (isForAll) forAll = taken;
        open.value = undefined;
        resolve(taken);
      };
      open.value = (
        <Dialog key={path} title="Replace the file that is there?" onClose={() => answer("stop")}>
          <p><code>{shown(path)}</code> is there already. What is in it is lost when it is replaced.</p>
          <div class="dialog-buttons">
            <button type="button" onClick={() => answer("stop")}>Cancel</button>
            <button type="button" autofocus onClick={() => answer("skip")}>Leave it</button>
            {count > 1 && <button type="button" onClick={() => answer("skip", true)}>Leave all</button>}
            <button type="button" class="danger" onClick={() => answer("replace")}>Replace</button>
            {count > 1 && <button type="button" class="danger" onClick={() => answer("replace", true)}>Replace all</button>}
          </div>
        </Dialog>
      );
    });
  };
}
