import { reach } from "../moment";
import { get } from "./request";

type Told = { known_since: string | null; happened_since: string | null };

const secondsOf = (text: string | null) => (text === null ? null : Date.parse(text) / 1_000);

let asking: Promise<void> | null = null;

/** Asks how far back the log goes, once at a time; what went wrong is not told: every request about a moment says it itself. */
export function askReach(): Promise<void> {
  asking ??= get<Told>("/v1/past")
    .then(({ known_since, happened_since }) => {
      reach.value = { known: secondsOf(known_since), happened: secondsOf(happened_since) };
    })
    .catch(() => {})
    .finally(() => (asking = null));
  return asking;
}
