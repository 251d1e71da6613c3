import { signal } from "@preact/signals";

/** Milliseconds since 1970, moved once a second; ages on the page count from it. */
export const now = signal(Date.now());

setInterval(() => (now.value = Date.now()), 1_000);
