/** The labels of a node, to be edited: a line each. */
import { useState } from "preact/hooks";
import { Dialog } from "../ui/dialog";
import { announce } from "../ui/toasts";
import { Trouble } from "../ui/trouble";
import { label, labelChange } from "./actions";
import { type View } from "./node";

export function Labels({ view, onClose }: { view: View; onClose: () => void }) {
  const [typed, setTyped] = useState(view.labels.map(([key, value]) => `${key}=${value}`).join("\n"));
  const [trouble, setTrouble] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const save = async (event: Event) => {
    event.preventDefault();
    const change = labelChange(view.labels, typed);
    if (typeof change === "string") return setTrouble(new Error(change));
    if (Object.keys(change).length === 0) return onClose();
    setBusy(true);
    try {
      await label(view, change);
      announce(`node ${view.name} is labeled`);
      onClose();
    } catch (error) {
      setTrouble(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog title={`Labels of ${view.name}`} onClose={onClose}>
      <form onSubmit={save} class="cluster-labels">
        <label for="cluster-labels">A label on each line, KEY=VALUE. VPSes choose nodes by them.</label>
        <textarea id="cluster-labels" rows={8} spellcheck={false} value={typed} onInput={(event) => setTyped(event.currentTarget.value)} />
        <Trouble error={trouble} />
        <div class="dialog-buttons">
          <button type="button" onClick={onClose}>Cancel</button>
          <button type="submit" class="primary" disabled={busy}>Save</button>
        </div>
      </form>
    </Dialog>
  );
}
