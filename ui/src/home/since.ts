import { signal } from "@preact/signals";

const STORED_AS = "hindcast.home.looked";
const DAY = 86_400;
/** A look of less than so many seconds ago is this one, still: a reload does not make everything old. */
const SAME_LOOK = 1_800;
const LONGEST = 30 * DAY;

type Looks = { before: number; last: number };

function read(): Looks | null {
  try {
    const found = JSON.parse(localStorage.getItem(STORED_AS) ?? "null") as Looks | null;
    return found && Number.isFinite(found.before) && Number.isFinite(found.last) ? found : null;
  } catch {
    return null;
  }
}

/** When the reader looked before this time, in unix seconds; null where this browser does not know. */
export const looked = signal<number | null>(null);

/** Notes that the reader looks now. */
export function look(now: number) {
  const known = read();
  const before = known === null ? null : now - known.last < SAME_LOOK ? known.before : known.last;
  looked.value = before === null || before <= 0 ? null : Math.max(before, now - LONGEST);
  try {
    localStorage.setItem(STORED_AS, JSON.stringify({ before: before ?? 0, last: now }));
  } catch {
    // Nothing is kept: each visit is as the first.
  }
}
