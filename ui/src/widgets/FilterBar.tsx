import { useEffect, useState } from "preact/hooks";
import type { FilterSpec } from "../definitions";
import { address, go, hrefHere } from "../router";
import { inWords } from "./topicRows";

const PREFIX = "f.";

/** What the reader filters a dashboard by, as the address holds it; only the properties that it names. */
export function filtersHere(filters: FilterSpec[] = []): Record<string, string> {
  const { params } = address.value;
  const chosen = filters.map(({ field }) => [field, params.get(PREFIX + field)] as const);
  return Object.fromEntries(chosen.filter((each): each is [string, string] => Boolean(each[1])));
}

/** The dashboard's filters; what is chosen is in the address, so it can be sent to somebody. */
export function FilterBar({ filters }: { filters: FilterSpec[] }) {
  const chosen = filtersHere(filters);
  const put = (field: string, value: string) => go(hrefHere({ [PREFIX + field]: value || undefined }), { replace: true });
  return (
    <form class="filter-bar" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
      {filters.map(({ field, title, values }) => (
        <label key={field}>
          <span>{title ?? inWords(field)}</span>
          {values && values.length > 0 ? (
            <select value={chosen[field] ?? ""} onChange={(event) => put(field, event.currentTarget.value)}>
              <option value="">all</option>
              {values.map((value) => (
                <option key={value} value={value}>
                  {value}
                </option>
              ))}
            </select>
          ) : (
            <Typed value={chosen[field] ?? ""} done={(value) => put(field, value)} />
          )}
        </label>
      ))}
      {Object.keys(chosen).length > 0 && (
        <button type="button" class="button small" onClick={() => go(hrefHere(Object.fromEntries(filters.map(({ field }) => [PREFIX + field, undefined]))), { replace: true })}>
          Clear
        </button>
      )}
    </form>
  );
}

function Typed({ value, done }: { value: string; done: (text: string) => void }) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  return <input type="search" placeholder="all" value={text} autocomplete="off" spellcheck={false} onInput={(event) => setText(event.currentTarget.value)} onChange={(event) => done(event.currentTarget.value.trim())} />;
}
