/** A button that puts a text on the clipboard. */
import { announce, complain } from "./toasts";

/** Copies, and says so; where the browser forbids it, the text is shown to be copied by hand. */
export async function copy(text: string, what = "the text"): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    announce(`copied ${what}`, text.length <= 200 ? text : "");
  } catch {
    complain(`the browser does not let this page copy; copy it by hand: ${text}`);
  }
}

export function Copy({ text, what, children = "Copy" }: { text: string; what?: string; children?: string }) {
  return (
    <button type="button" class="quiet" title={text} aria-label={what ? `Copy ${what}` : undefined} onClick={() => void copy(text, what)}>
      {children}
    </button>
  );
}
