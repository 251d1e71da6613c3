import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { SPANS, range, type Range, type Span } from "../range";
import { moment } from "../moment";

/** Where a widget stands: its dashboard, what the reader filters by, and whether it is only tried out. */
export type Around = { dashboard: string; filters: Record<string, string>; span?: Span };

export const AroundWidget = createContext<Around>({ dashboard: "", filters: {} });

export const useAround = () => useContext(AroundWidget);

/** The range that a widget is over: its own, else the one of the top bar. */
export function useRange(): Range {
  const { span } = useAround();
  const chosen = range.value;
  if (!span) return chosen;
  const then = moment.value === null ? "" : ` ${moment.value.key}`;
  return { label: span, span, since: span, until: "", seconds: SPANS[span], key: `${span}${then}` };
}

/** Filters as a part of a key. */
export const keyOf = (filters: Record<string, string>) => JSON.stringify(Object.entries(filters).sort());
