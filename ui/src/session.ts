import { live } from "./live";

export type SignIn = "accepted" | "refused" | "unreachable";

/** Trades an API key for a session cookie. */
export async function signIn(key: string): Promise<SignIn> {
  try {
    const response = await fetch("/v1/session", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ key }),
    });
    if (response.ok) return "accepted";
    return response.status === 401 || response.status === 403 ? "refused" : "unreachable";
  } catch {
    return "unreachable";
  }
}

/** Signs in with the key of a link that ends in `#key=…`, and takes the key out of the address bar and history. */
export async function adoptKeyFromAddress(): Promise<void> {
  const prefix = "#key=";
  if (!location.hash.startsWith(prefix)) return;
  const key = decodeURIComponent(location.hash.slice(prefix.length));
  history.replaceState(null, "", location.pathname + location.search);
  await signIn(key);
}

/** What a request does that finds the session gone. */
export function endSession() {
  live.signedOut();
}
