/** A lost connection is told above everything, for as long as it lasts. */
import { now } from "../ui/clock";
import { lost } from "../api/collection";
import "./connection.css";

export function Connection() {
  const found = lost.value;
  if (!found) return null;
  return (
    <div class="connection">
      <span role="status"><strong>{capital(found.error.message)}.</strong>{found.error.hint && ` ${capital(found.error.hint)}.`}</span>
      <span aria-hidden="true">What is shown is <Since since={found.since} /> old.</span>
      <button type="button" onClick={() => dispatchEvent(new Event("online"))}>Try now</button>
    </div>
  );
}

function Since({ since }: { since: number }) {
  return <>{Math.max(0, Math.round((now.value - since) / 1000))}s</>;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
