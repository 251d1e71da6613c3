import { signal } from "@preact/signals";
import type { Alert } from "../live/data";
import { notify } from "../notices";
import { endSession } from "../session";

/** How long an accepted acknowledgement is shown on trust, until the alerts topic tells it itself. */
const TRUSTED_FOR_MS = 15_000;

/** Alerts shown as acknowledged ahead of the server's word. */
const assumed = signal<ReadonlySet<string>>(new Set());

/** One key an intent: a second try after a lost answer is the same command to the server. */
const intents = new Map<string, string>();

export function isAcknowledged(alert: Alert): boolean {
  return alert.acknowledged || assumed.value.has(alert.id);
}

export function needsAcknowledgement(alert: Alert): boolean {
  return alert.state === "firing" && !alert.past && !isAcknowledged(alert);
}

/** Acknowledges at once on the page, and takes it back with a notice if the server does not agree. */
export async function acknowledge(alert: Alert): Promise<void> {
  if (!needsAcknowledgement(alert)) return;
  assume(alert.id, true);
  const refusal = await post(alert.id);
  if (refusal) {
    assume(alert.id, false);
    notify(`“${alert.title}” is not acknowledged: ${refusal}`);
    return;
  }
  intents.delete(alert.id);
  setTimeout(() => assume(alert.id, false), TRUSTED_FOR_MS);
}

function assume(id: string, acknowledged: boolean) {
  const next = new Set(assumed.peek());
  if (acknowledged) next.add(id);
  else next.delete(id);
  assumed.value = next;
}

/** Null when the server took it, else why not. */
async function post(id: string): Promise<string | null> {
  const intent = intents.get(id) ?? uuid();
  intents.set(id, intent);
  try {
    const response = await fetch(`/v1/alerts/${encodeURIComponent(id)}/acknowledge`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "Idempotency-Key": intent },
      body: "{}",
    });
    if (response.ok) return null;
    if (response.status === 401) endSession();
    return `the server answered ${response.status}`;
  } catch {
    return "the server cannot be reached";
  }
}

/** Random UUID, version 4. `crypto.randomUUID` exists on secure origins only; a LAN address over http is none. */
function uuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
