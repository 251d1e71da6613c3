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

const KEY_PREFIX = "#key=";

/** Whether the address is a link that carries a key. */
export const addressHasKey = () => location.hash.startsWith(KEY_PREFIX);

/** Signs in with the key of such a link, and takes the key out of the address bar and the history. */
export async function adoptKeyFromAddress(): Promise<void> {
  const key = decodeURIComponent(location.hash.slice(KEY_PREFIX.length));
  history.replaceState(null, "", location.pathname + location.search);
  await signIn(key);
}

/** What a request does that finds the session gone. */
export function endSession() {
  live.signedOut();
}
