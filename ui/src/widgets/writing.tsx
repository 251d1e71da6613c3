import type { ComponentChildren } from "preact";
import { eventLink, metricLink, userLink } from "../behind";
import type { Format } from "../definitions";
import { dayAndMinute, duration, figure, money, secondOfDay, withUnit } from "../format";
import { clock } from "../moment";
import { shared } from "../shared/mode";
import { isNumber, secondsAt } from "./topicRows";

const DAY = 86_400;
const SIZES = ["B", "kB", "MB", "GB", "TB"];

const percents = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** A value as its format says; without one as what it is. A dash where there is none. */
export function write(value: unknown, format?: Format, unit?: string): string {
  if (value === null || value === undefined || value === "") return "–";
  if (format === "time") return time(value);
  if (isNumber(value)) return number(value, format, unit);
  if (typeof value === "boolean") return value ? "yes" : "no";
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return unit && format !== "money" ? withUnit(text, unit) : text;
}

function number(value: number, format: Format | undefined, unit: string | undefined): string {
  switch (format) {
    case "percent":
      return withUnit(percents.format(value * 100).replace("-", "−"), "%");
    case "money":
      return money(value, unit ?? "");
    case "duration":
      return short(value);
    case "bytes":
      return bytes(value);
    case "text":
    case "user":
    case "event":
    case "metric":
      return String(value);
    default:
      return unit ? withUnit(figure(value), unit) : figure(value);
  }
}

/** 240 ms, 8.5 s, 1 m 33 s, 2 h 5 m. */
function short(seconds: number): string {
  if (Math.abs(seconds) < 1) return withUnit(figure(Math.round(seconds * 1_000)), "ms");
  if (Math.abs(seconds) < 60) return withUnit(figure(Math.round(seconds * 10) / 10), "s");
  const [whole, step] = seconds < 3_600 ? [60, 1] : seconds < DAY ? [3_600, 60] : [DAY, 3_600];
  const rest = Math.floor((seconds % whole) / step) * step;
  return rest > 0 ? `${duration(seconds)} ${duration(rest)}` : duration(seconds);
}

function bytes(value: number): string {
  let [size, step] = [value, 0];
  while (Math.abs(size) >= 1_000 && step < SIZES.length - 1) {
    size /= 1_000;
    step++;
  }
  return withUnit(figure(Math.round(size * 10) / 10), SIZES[step]!);
}

function time(value: unknown): string {
  const at = secondsAt(value);
  if (at === null) return String(value);
  return Math.abs(clock.peek() / 1_000 - at) < DAY ? secondOfDay(at) : dayAndMinute(at);
}

const links = { user: userLink, event: eventLink, metric: metricLink } as const;
const says = { user: "The user's timeline", event: "The newest of these events", metric: "This metric over time" } as const;

export type Opens = keyof typeof links;

/** A name that leads to what it names: a user, a type of events, a metric. */
export function Linked({ name, opens, children }: { name: string; opens: Opens | undefined; children?: ComponentChildren }) {
  if (!opens || shared || name === "") return <>{children ?? name}</>;
  return (
    <a class="cell-link" href={links[opens](name)} title={says[opens]}>
      {children ?? name}
    </a>
  );
}

/** The text of a cell, a link where its format is one. */
export function Written({ value, format, unit }: { value: unknown; format?: Format; unit?: string }) {
  const text = write(value, format, unit);
  if (value == null || value === "") return <>{text}</>;
  const opens = format === "user" || format === "event" || format === "metric" ? format : undefined;
  return <Linked name={String(value)} opens={opens}>{text}</Linked>;
}
