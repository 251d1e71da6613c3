import { signal } from "@preact/signals";

/** A passing message about something the reader did, or that befell the page. */
export type Notice = { id: number; text: string };

const SHOWN_FOR_MS = 8_000;

export const notices = signal<readonly Notice[]>([]);

let nextId = 1;

export function notify(text: string) {
  const notice = { id: nextId++, text };
  notices.value = [...notices.peek(), notice];
  setTimeout(() => dismiss(notice.id), SHOWN_FOR_MS);
}

export function dismiss(id: number) {
  notices.value = notices.peek().filter((notice) => notice.id !== id);
}
