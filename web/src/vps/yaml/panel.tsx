/** A VPS as YAML: read, changed, checked by the server before anything happens, and saved. */
import { useEffect, useMemo, useState } from "preact/hooks";
import { ApiError } from "../../api/http";
import type { KObject } from "../../api/objects";
import { mayWrite } from "../../api/session";
import { announce } from "../../ui/toasts";
import { Trouble } from "../../ui/trouble";
import { Difference } from "./difference";
import { YamlField } from "./field";
import { carriedOver, Changed, save, serverOf } from "./saving";
import { declared, identityProblems, parsed, type Problem, same, written } from "./text";
import "./yaml.css";

/** What the server said of a text. */
interface Verdict {
  text: string;
  after?: string;
  problems: readonly Problem[];
  error?: unknown;
}

export function Yaml({ vps }: { vps: KObject }) {
  const isReadOnly = !mayWrite(vps.metadata.namespace ?? "");
  const [base, setBase] = useState(vps);
  const [text, setText] = useState(() => written(declared(vps)));
  const [verdict, setVerdict] = useState<Verdict>();
  const [busy, setBusy] = useState<"check" | "save">();
  const original = useMemo(() => written(declared(base)), [base]);
  const read = useMemo(() => parsed(text), [text]);
  const isChanged = text !== original;
  // What was just saved comes back a moment later: until then an older version is shown, which overtakes nobody.
  const isOvertaken = Number(vps.metadata.resourceVersion) > Number(base.metadata.resourceVersion) && !same(declared(vps), declared(base));

  const begin = (from: KObject, next = written(declared(from))) => {
    setBase(from);
    setText(next);
    setVerdict(undefined);
  };
  useEffect(() => {
    if (isOvertaken && !isChanged && !busy) begin(vps);
  }, [isOvertaken, isChanged, busy, vps]);

  const mistakes = useMemo(() => [...read.problems, ...identityProblems(declared(base), read)], [read, base]);
  const answered = verdict?.text === text ? verdict : undefined;
  const problems = useMemo(() => (mistakes.length > 0 ? mistakes : (answered?.problems ?? [])), [mistakes, answered]);

  const send = async (what: "check" | "save") => {
    if (!read.value || mistakes.length > 0 || busy) return;
    setBusy(what);
    try {
      const after = await save(serverOf(base), base, read.value, { dryRun: what === "check" });
      if (what === "check") setVerdict({ text, after: written(declared(after)), problems: [] });
      else {
        begin(after);
        announce(`${vps.metadata.name} is saved`);
      }
    } catch (error) {
      const causes = error instanceof ApiError ? error.causes : [];
      const placed = causes.map(({ field, message }) => ({ line: read.lineOf(field), column: 1, message: `${field}: ${message}` }));
      setVerdict({ text, problems: placed, error: error instanceof Changed ? undefined : error });
    } finally {
      setBusy(undefined);
    }
  };

  return (
    <div class="yaml">
      {isOvertaken && isChanged && <Overtaken base={base} newest={vps} wanted={read.value} goOn={begin} />}
      <YamlField
        label={`${vps.metadata.name} as YAML`}
        text={text}
        isReadOnly={isReadOnly}
        problems={problems}
        onChange={setText}
        onSave={() => void send("save")}
      />
      {!isReadOnly && (
        <div class="vps-row">
          <button type="button" disabled={!isChanged || !read.value || mistakes.length > 0 || Boolean(busy)} onClick={() => void send("check")}>
            {busy === "check" ? "Checking…" : "Check"}
          </button>
          <button
            type="button"
            class="primary"
            disabled={!isChanged || !read.value || mistakes.length > 0 || Boolean(busy) || isOvertaken}
            onClick={() => void send("save")}
          >
            {busy === "save" ? "Saving…" : "Save"}
          </button>
          {isChanged && <button type="button" class="quiet" onClick={() => begin(vps)}>Give the changes up</button>}
          <span class="quiet-text" role="status">{isChanged ? "changed, not saved" : ""}</span>
        </div>
      )}
      {answered?.error !== undefined && <Trouble error={answered.error} />}
      {answered?.after !== undefined && (
        <section>
          <h2>What would change</h2>
          <Difference label="What would change" before={original} after={answered.after} same="Nothing would change." />
        </section>
      )}
      <details>
        <summary>Its status, as the programs write it</summary>
        <pre tabIndex={0} aria-label="Status">{written(vps.status ?? {})}</pre>
      </details>
    </div>
  );
}

interface Other {
  base: KObject;
  newest: KObject;
  wanted: KObject | undefined;
  goOn: (from: KObject, text?: string) => void;
}

/** Somebody else was quicker. */
function Overtaken({ base, newest, wanted, goOn }: Other) {
  return (
    <section class="yaml-overtaken" role="alert">
      <p>It was changed by somebody else while you were writing. This is what they changed:</p>
      <Difference label="What somebody else changed" before={written(declared(base))} after={written(declared(newest))} same="Nothing." />
      <button type="button" disabled={!wanted} onClick={() => wanted && goOn(newest, written(carriedOver(base, wanted, newest)))}>
        Put my changes on the newest
      </button>{" "}
      <button type="button" class="quiet" onClick={() => goOn(newest)}>Give my changes up</button>
    </section>
  );
}
