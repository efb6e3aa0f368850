/** What went wrong, in the server's own words, with what to do next. */
import { ApiError } from "../api/http";
import "./trouble.css";

/** Anything that was thrown, as an error with a sentence. */
export function asError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  return new ApiError(0, "Broken", thrown instanceof Error ? thrown.message : String(thrown));
}

/** Nothing where `error` is nothing. `again` is offered as a button. */
export function Trouble({ error, again }: { error: unknown; again?: () => void }) {
  if (!error) return null;
  const found = asError(error);
  return (
    <div class="trouble" role="alert">
      <p>{found.message}</p>
      {found.causes.length > 1 && (
        <ul>{found.causes.map((cause, index) => <li key={index}>{cause.field && <code>{cause.field}</code>} {cause.message}</li>)}</ul>
      )}
      {found.hint && <p class="trouble-hint">{found.hint}</p>}
      {again && <button type="button" onClick={again}>Try again</button>}
    </div>
  );
}
