import { dayAndMinute } from "../format";
import { moment } from "../moment";
import { changed, type Summary } from "./summary";

type Look = { at: number; revenue: number; said: string };
const FRESH = 600;

/** What the revenue did since one last looked at the same business and period; empty the first time, and within ten minutes. */
export function sinceLastLook({ business, period, kpis, currency, asked_at }: Summary): string {
  if (moment.peek() !== null) return "";
  const key = `hindcast-executive ${business} ${period.said}`;
  const revenue = kpis.revenue!.current ?? 0;
  try {
    const before = JSON.parse(localStorage.getItem(key) ?? "null") as (Look & { shown?: string }) | null;
    if (before !== null && asked_at - before.at < FRESH) return before.said;
    const said = before === null ? "" : `${changed(revenue - before.revenue, currency)} since you looked on ${dayAndMinute(before.at)}`;
    localStorage.setItem(key, JSON.stringify({ at: asked_at, revenue, said } satisfies Look));
    return said;
  } catch {
    return ""; // nothing may be kept in this browser
  }
}
