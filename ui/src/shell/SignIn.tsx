import { useState } from "preact/hooks";
import { live } from "../live";
import { signIn, type SignIn as Outcome } from "../session";

const complaints: Record<Exclude<Outcome, "accepted">, string> = {
  refused: "This key is not valid, or has been revoked; a link works only once.",
  unreachable: "The server did not answer. Try again in a moment.",
};

/** Shown in place of the page while there is no valid session. */
export function SignIn() {
  const [key, setKey] = useState("");
  const [busy, setBusy] = useState(false);
  const [complaint, setComplaint] = useState("");

  async function submit(event: Event) {
    event.preventDefault();
    setBusy(true);
    const outcome = await signIn(key.trim());
    setBusy(false);
    if (outcome === "accepted") live.connect();
    else setComplaint(complaints[outcome]);
  }

  return (
    <form class="sign-in panel" onSubmit={submit}>
      <h2>Sign in</h2>
      <p>
        Open the link that Hindcast printed when it started. It works once: <code>hindcast link</code>, typed where it
        runs, prints another.
      </p>
      <p>
        Or paste an API key with the <code>query</code> scope; <code>hindcast keys create --scopes query</code> makes
        one.
      </p>
      <label for="api-key">API key</label>
      <input
        id="api-key"
        type="password"
        autocomplete="current-password"
        required
        value={key}
        aria-invalid={complaint !== ""}
        aria-describedby="sign-in-complaint"
        onInput={(event) => setKey(event.currentTarget.value)}
      />
      <p id="sign-in-complaint" class="complaint" role="alert">
        {complaint}
      </p>
      <button class="button primary" disabled={busy}>
        {busy ? "Signing in…" : "Sign in"}
      </button>
    </form>
  );
}
