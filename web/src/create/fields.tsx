/** The pieces that the form is made of: each with its label, what the server has against it, and a word on it. */
import { type ComponentChildren, toChildArray } from "preact";
import { useId } from "preact/hooks";

interface Shown {
  label: string;
  value: string;
  onInput: (value: string) => void;
  wrong?: string | undefined;
  hint?: string;
  isLocked?: boolean;
}

export function Text({ label, value, onInput, wrong, hint, isLocked, list, mode, placeholder }: Shown & { list?: readonly string[]; mode?: "numeric" | "decimal"; placeholder?: string }) {
  const id = useId();
  return (
    <Around id={id} label={label} wrong={wrong} hint={hint} isLocked={isLocked}>
      <input
        id={id}
        value={value}
        disabled={isLocked}
        inputMode={mode}
        placeholder={placeholder}
        autocomplete="off"
        spellcheck={false}
        list={list ? `${id}-list` : undefined}
        aria-invalid={wrong ? true : undefined}
        aria-describedby={`${id}-told`}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      {list && <datalist id={`${id}-list`}>{list.map((one) => <option key={one} value={one} />)}</datalist>}
    </Around>
  );
}

export function Lines({ label, value, onInput, wrong, hint, isLocked, rows = 3 }: Shown & { rows?: number }) {
  const id = useId();
  return (
    <Around id={id} label={label} wrong={wrong} hint={hint} isLocked={isLocked}>
      <textarea
        id={id}
        class="mono"
        rows={rows}
        value={value}
        disabled={isLocked}
        spellcheck={false}
        aria-invalid={wrong ? true : undefined}
        aria-describedby={`${id}-told`}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </Around>
  );
}

export function Choice({ label, value, onInput, wrong, hint, isLocked, options }: Shown & { options: readonly (readonly [value: string, text: string])[] }) {
  const id = useId();
  return (
    <Around id={id} label={label} wrong={wrong} hint={hint} isLocked={isLocked}>
      <select id={id} value={value} disabled={isLocked} aria-invalid={wrong ? true : undefined} aria-describedby={`${id}-told`} onChange={(event) => onInput(event.currentTarget.value)}>
        {options.map(([one, text]) => <option key={one} value={one}>{text}</option>)}
      </select>
    </Around>
  );
}

export function Check({ label, value, onInput, wrong, hint, isLocked }: { label: string; value: boolean; onInput: (value: boolean) => void; wrong?: string | undefined; hint?: string; isLocked?: boolean }) {
  const id = useId();
  return (
    <div class="create-field">
      <label class="create-check">
        <input type="checkbox" checked={value} disabled={isLocked} aria-describedby={`${id}-told`} onChange={(event) => onInput(event.currentTarget.checked)} /> {label}
      </label>
      <Told id={id} wrong={wrong} hint={hint} isLocked={isLocked} />
    </div>
  );
}

/** One of a few, each in words. */
export function Radios({ label, value, onInput, options }: { label: string; value: string; onInput: (value: string) => void; options: readonly (readonly [value: string, text: string])[] }) {
  const name = useId();
  return (
    <div class="create-radios" role="radiogroup" aria-label={label}>
      {options.map(([one, text]) => (
        <label key={one} class="create-check"><input type="radio" name={name} value={one} checked={value === one} onChange={() => onInput(one)} /> {text}</label>
      ))}
    </div>
  );
}

export function Group({ title, children }: { title: string; children: ComponentChildren }) {
  if (toChildArray(children).length === 0) return null;
  return <fieldset class="create-group"><legend>{title}</legend>{children}</fieldset>;
}

interface Framed {
  id: string;
  label: string;
  wrong: string | undefined;
  hint: string | undefined;
  isLocked: boolean | undefined;
  children: ComponentChildren;
}

function Around({ id, label, wrong, hint, isLocked, children }: Framed) {
  return (
    <div class="create-field">
      <label for={id}>{label}</label>
      {children}
      <Told id={id} wrong={wrong} hint={hint} isLocked={isLocked} />
    </div>
  );
}

function Told({ id, wrong, hint, isLocked }: { id: string; wrong: string | undefined; hint: string | undefined; isLocked: boolean | undefined }) {
  return (
    <div id={`${id}-told`} class="create-told">
      {wrong && <span class="create-wrong">{wrong}</span>}
      {!wrong && isLocked && "More than this form shows: change it in the YAML."}
      {!wrong && !isLocked && hint}
    </div>
  );
}
