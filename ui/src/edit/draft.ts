import type { DashboardSpec, FilterSpec, Place, WidgetSpec } from "../definitions";
import type { Span } from "../range";
import { rowsOf } from "../widgets/WidgetGrid";
import { kindOf } from "../widgets/kinds";

/** A dashboard while it is edited: every widget has a place. */
export type Draft = { name: string; range?: Span; filters: FilterSpec[]; places: Place[]; widgets: WidgetSpec[] };

export const COLUMNS = 12;
/** A row and the gap below it, in px, as `.board` has them. */
export const ROW = 71;
const MOST_HIGH = 24;

export const empty: Draft = { name: "New dashboard", filters: [], places: [], widgets: [] };

/** Widgets that flow get the places that they flow to. */
export function draftOf({ name, layout, widgets, range, filters = [] }: DashboardSpec): Draft {
  return { name, range, filters, widgets, places: Array.isArray(layout) ? layout : flowed(widgets) };
}

export function specOf({ name, range, filters, places, widgets }: Draft): DashboardSpec {
  return { name, layout: inOrder(places), widgets, ...(range ? { range } : {}), ...(filters.length > 0 ? { filters } : {}) };
}

function flowed(widgets: WidgetSpec[]): Place[] {
  let y = 0;
  return rowsOf(widgets).flatMap((row) => {
    const h = heightOf(row.height);
    let x = 0;
    const made = row.widgets.map((widget, i) => {
      const { place } = kindOf(widget.type);
      const share = typeof place === "object" ? place.w / row.columns : 1 / row.widgets.length;
      const last = i === row.widgets.length - 1;
      const w = last ? COLUMNS - x : Math.max(1, Math.round(share * COLUMNS));
      const made: Place = { widget: widget.id, x, y, w, h };
      x += w;
      return made;
    });
    y += h;
    return made;
  });
}

const heightOf = (px: number) => Math.max(1, Math.round((px + 14) / ROW));

/** How much room a new widget takes. */
export function sizeOf(type: string): { w: number; h: number } {
  const { place } = kindOf(type);
  if (place === "tile") return { w: 3, h: 2 };
  return place === "strip" ? { w: COLUMNS, h: 1 } : { w: place.w, h: heightOf(place.height) };
}

export const inOrder = (places: Place[]) => [...places].sort((a, b) => a.y - b.y || a.x - b.x);

const meet = (a: Place, b: Place) => a.widget !== b.widget && a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

/** Nothing lies over another: what is in the way of `first` goes down, and then all go up as far as there is room. */
export function settled(places: Place[], first?: string): Place[] {
  const fixed = places.filter(({ widget }) => widget === first);
  const down = [...fixed];
  for (const place of inOrder(places.filter(({ widget }) => widget !== first))) {
    let y = place.y;
    while (down.some((other) => meet({ ...place, y }, other))) y++;
    down.push({ ...place, y });
  }
  const up: Place[] = [];
  for (const place of inOrder(down)) {
    let y = place.y;
    while (y > 0 && !up.some((other) => meet({ ...place, y: y - 1 }, other))) y--;
    up.push({ ...place, y });
  }
  return up;
}

const clamp = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value));

const placed = (draft: Draft, id: string, change: (place: Place) => Place): Draft => ({
  ...draft,
  places: settled(draft.places.map((place) => (place.widget === id ? change(place) : place)), id),
});

export const moved = (draft: Draft, id: string, x: number, y: number) =>
  placed(draft, id, (place) => ({ ...place, x: clamp(x, 0, COLUMNS - place.w), y: clamp(y, 0, 999) }));

export const resized = (draft: Draft, id: string, w: number, h: number) =>
  placed(draft, id, (place) => ({ ...place, w: clamp(w, 1, COLUMNS - place.x), h: clamp(h, 1, MOST_HIGH) }));

/** One earlier or later among those below each other, as a phone shows them. */
export function shifted(draft: Draft, id: string, by: -1 | 1): Draft {
  const order = inOrder(draft.places);
  const at = order.findIndex(({ widget }) => widget === id);
  const other = order[at + by];
  const own = order[at];
  if (!own || !other) return draft;
  const [upper, lower] = by < 0 ? [own, other] : [other, own];
  const top = Math.min(own.y, other.y);
  const beside = own.y === other.y;
  const swapped = draft.places.map((place) => {
    if (place.widget === upper.widget) return { ...place, y: top, x: beside ? Math.min(own.x, other.x) : place.x };
    if (place.widget === lower.widget) return { ...place, y: beside ? top : top + upper.h, x: beside ? Math.min(own.x, other.x) + upper.w : place.x };
    return place;
  });
  return { ...draft, places: settled(swapped, upper.widget) };
}

export const removed = (draft: Draft, id: string): Draft => ({
  ...draft,
  widgets: draft.widgets.filter((widget) => widget.id !== id),
  places: settled(draft.places.filter(({ widget }) => widget !== id)),
});

export const changed = (draft: Draft, id: string, widget: WidgetSpec): Draft => ({ ...draft, widgets: draft.widgets.map((each) => (each.id === id ? widget : each)) });

/** A new widget below all others, or beside the last one where there is room. */
export function added(draft: Draft, widget: WidgetSpec): Draft {
  const { w, h } = sizeOf(widget.type);
  const foot = Math.max(0, ...draft.places.map(({ y, h }) => y + h));
  return { ...draft, widgets: [...draft.widgets, widget], places: settled([...draft.places, room(draft.places, widget.id, w, h, foot)]) };
}

/** The first free place from the top; a row at the foot is always free. */
function room(places: Place[], widget: string, w: number, h: number, foot: number): Place {
  for (let y = 0; y < foot; y++) {
    for (let x = 0; x + w <= COLUMNS; x++) {
      const place = { widget, x, y, w, h };
      if (!places.some((other) => meet(place, other))) return place;
    }
  }
  return { widget, x: 0, y: foot, w, h };
}

/** The same widget again, below it. */
export function doubled(draft: Draft, id: string): { draft: Draft; id: string } {
  const widget = draft.widgets.find((each) => each.id === id)!;
  const place = draft.places.find((each) => each.widget === id)!;
  const twin = freeId(draft, id);
  const places = settled([...draft.places, { ...place, widget: twin, y: place.y + place.h }], id);
  return { draft: { ...draft, widgets: [...draft.widgets, { ...widget, id: twin }], places }, id: twin };
}

export function freeId(draft: Draft, wanted: string): string {
  const taken = new Set(draft.widgets.map(({ id }) => id));
  const stem = wanted.replace(/_\d+$/, "");
  if (!taken.has(stem)) return stem;
  for (let n = 2; ; n++) if (!taken.has(`${stem}_${n}`)) return `${stem}_${n}`;
}

/** "Sales & more" as "sales-more", for the dashboard's address. */
export function addressOf(name: string): string {
  const plain = name.normalize("NFKD").replaceAll(/[\u0300-\u036f]/g, "").toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
  return plain.replaceAll(/^-+|-+$/g, "").slice(0, 60) || "dashboard";
}

/** How two drafts differ, in words. */
export function difference(a: Draft, b: Draft): string {
  const of = (draft: Draft) => new Map(draft.widgets.map((widget) => [widget.id, JSON.stringify(widget)]));
  const [before, after] = [of(a), of(b)];
  const gone = [...before.keys()].filter((id) => !after.has(id)).length;
  const fresh = [...after.keys()].filter((id) => !before.has(id)).length;
  const other = [...after].filter(([id, said]) => before.has(id) && before.get(id) !== said).length;
  const at = (draft: Draft) => new Map(draft.places.map((place) => [place.widget, JSON.stringify(place)]));
  const [was, is] = [at(a), at(b)];
  const went = [...is].filter(([id, said]) => was.has(id) && was.get(id) !== said).length;
  const parts = [
    fresh > 0 && `${fresh} added`,
    gone > 0 && `${gone} removed`,
    other > 0 && `${other} changed`,
    went > 0 && `${went} moved`,
    a.name !== b.name && "another name",
    (a.range ?? "") !== (b.range ?? "") && "another range",
    JSON.stringify(a.filters) !== JSON.stringify(b.filters) && "other filters",
  ].filter(Boolean);
  return parts.join(", ") || "the same";
}
