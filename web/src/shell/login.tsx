/** Nobody is logged in: by a token, or by the command that opens this page. */
import { useState } from "preact/hooks";
import { ApiError } from "../api/http";
import { answerOffer, farewell, logIn, session } from "../api/session";

export function Login() {
  const [token, setToken] = useState("");
  const [trouble, setTrouble] = useState<ApiError>();
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setTrouble(undefined);
    try {
      await logIn(token);
    } catch (error) {
      setTrouble(error instanceof ApiError ? error : new ApiError(0, "NoAnswer", "the API server does not answer"));
    } finally {
      setBusy(false);
    }
  };
  return (
    <main class="login" id="main">
      <h1>KohakuRiver</h1>
      {farewell.value && <p role="status">{farewell.value}</p>}
      <p>On a machine with the command, this opens the page logged in:</p>
      <pre><code>kohakuriver ui</code></pre>
      <form onSubmit={submit}>
        <label for="token">Or paste a token</label>
        <input
          id="token"
          type="password"
          autocomplete="off"
          required
          value={token}
          onInput={(event) => setToken(event.currentTarget.value)}
        />
        <button type="submit" class="primary" disabled={busy}>Log in</button>
      </form>
      {trouble && (
        <p role="alert">
          {trouble.message}
          {trouble.hint && <><br />{trouble.hint}</>}
        </p>
      )}
    </main>
  );
}

/** A link of another site brings a login along, which may be somebody else's. */
export function Offered() {
  const [busy, setBusy] = useState(false);
  const answer = (yes: boolean) => {
    setBusy(true);
    void answerOffer(yes);
  };
  const who = session.value?.user;
  return (
    <main class="login" id="main">
      <h1>Log in by this link?</h1>
      <p>
        A page of another site led here, with a login of its own{who && <>; you are logged in as <b>{who}</b></>}. Whoever made the link would
        see what you do from then on. If you have just run <code>kohakuriver ui</code>, and opened its address from a message, it is yours.
      </p>
      <p class="login-answers">
        <button type="button" disabled={busy} onClick={() => answer(false)}>{who ? `Stay ${who}` : "Do not log in"}</button>
        <button type="button" disabled={busy} onClick={() => answer(true)}>Log in by it</button>
      </p>
    </main>
  );
}
