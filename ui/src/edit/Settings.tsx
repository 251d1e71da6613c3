import type { FilterSpec } from "../definitions";
import { SPANS, type Span } from "../range";
import type { Draft } from "./draft";
import { Select } from "./Options";

type Props = { draft: Draft; id: string; fresh: boolean; rename: (id: string) => void; change: (next: (draft: Draft) => Draft, tag?: string) => void };

/** What holds for the whole dashboard: its address, its range, and the properties that its readers may filter by. */
export function BoardSettings({ draft, id, fresh, rename, change }: Props) {
  const put = (filters: FilterSpec[], tag = "") => change((held) => ({ ...held, filters }), tag);
  return (
    <aside class="panel edit-side" aria-label="Dashboard">
      <header>
        <h2>The dashboard</h2>
      </header>
      <div class="edit-fields">
        {fresh && (
          <label class="field">
            <span>Its address, `#/dashboards/…`</span>
            <input value={id} maxLength={64} pattern="[A-Za-z0-9][A-Za-z0-9_.\-]*" spellcheck={false} onInput={(event) => rename(event.currentTarget.value.trim())} />
          </label>
        )}
        <Select title="It opens with" value={draft.range ?? ""} choices={{ "": "the range that its reader comes with", ...Object.fromEntries(Object.keys(SPANS).map((span) => [span, `the last ${span}`])) }} choose={(span) => change((held) => ({ ...held, range: (span || undefined) as Span | undefined }))} />
        <h3>Filters</h3>
        <p class="muted">Properties by which readers may filter it: the key of a metric, a property of events, or a column of a query.</p>
        {draft.filters.map((filter, i) => (
          <fieldset key={i} class="edit-filter">
            <legend class="unseen">Filter {i + 1}</legend>
            <input aria-label="Property" placeholder="plan" value={filter.field} spellcheck={false} onInput={(event) => put(draft.filters.map((each, j) => (j === i ? { ...each, field: event.currentTarget.value.trim() } : each)), `filter ${i}`)} />
            <input
              aria-label="Values, with commas between"
              placeholder="any, or pro, team"
              value={(filter.values ?? []).join(", ")}
              onChange={(event) => {
                const values = event.currentTarget.value.split(",").map((each) => each.trim()).filter(Boolean);
                put(draft.filters.map((each, j) => (j === i ? { field: each.field, ...(each.title ? { title: each.title } : {}), ...(values.length > 0 ? { values } : {}) } : each)));
              }}
            />
            <button type="button" class="button square" aria-label={`Take the filter ${filter.field} away`} onClick={() => put(draft.filters.filter((_, j) => j !== i))}>
              ×
            </button>
          </fieldset>
        ))}
        {draft.filters.length < 8 && (
          <button type="button" class="button" onClick={() => put([...draft.filters, { field: "" }])}>
            Add a filter
          </button>
        )}
        <h3>How to edit</h3>
        <p class="muted">
          Choose a widget to see its options. Drag it by its head, and resize it at its corner; or reach it with Tab, and use the arrow keys, with Shift to resize.
        </p>
      </div>
    </aside>
  );
}
