import { ends, shiftBack, type Range, type Versus } from "../range";

/**
 * A span of the log and the one it is compared with, as SQL has them. Times are unix seconds; the span is cut into
 * `points` buckets of `bucket` seconds each, and what is compared with into as many.
 */
export type Asked = { from: number; to: number; bucket: number; points: number; within: string; isNow: string; place: string };

/** Conditions and columns for a question about rows with a column `time`. */
export function askedSpan(range: Range, versus: Versus, points: number): Asked {
  const { from, to } = ends(range);
  const bucket = Math.max(1, Math.ceil((to - from) / points));
  const back = shiftBack(range, versus);
  const at = (seconds: number) => `to_timestamp(${seconds})`;
  const now = `(time >= ${at(from)} AND time < ${at(to)})`;
  const before = back === null ? "" : ` OR (time >= ${at(from - back)} AND time < ${at(from - back + range.seconds)})`;
  const isNow = `(time >= ${at(from)})`;
  const start = `if(${isNow}, ${from}, ${from - (back ?? 0)})`;
  const place = `floor((epoch(time) - ${start}) / ${bucket})::INT`;
  return { from, to, bucket, points: Math.ceil((to - from) / bucket), within: `(${now}${before})`, isNow, place };
}
