import { useEffect, useState } from "preact/hooks";
import { placeOf, recentEvents, type Counted, type Event, type Filter } from "../ask/events";
import { useAnswer } from "../ask/useAnswer";
import { definitionsTopic, metricNamed } from "../definitions";
import { count } from "../format";
import { useTopicNow } from "../ask/useTopic";
import { DataTable, type Column } from "../panel/DataTable";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import { SendOneEvent } from "../panel/SendOneEvent";
import { moment } from "../moment";
import { range } from "../range";
import { address, go, href, hrefHere } from "../router";
import { Icon } from "../shell/Icon";
import { summary, when, who, worth } from "./eventText";

const LIMIT = 200;
/** How often the list is asked for while its range ends now. */
const REFRESH_MS = 2_000;
const TYPED_MS = 300;

const fields: { name: keyof Filter; title: string; hint: string }[] = [
  { name: "type", title: "Event", hint: "any event" },
  { name: "source", title: "Source", hint: "any source" },
  { name: "subject", title: "User", hint: "any user" },
  { name: "text", title: "Text", hint: "in ids and properties" },
];

const columns: Column<Event>[] = [
  { title: "Time", cell: (event) => <time dateTime={event.time}>{when(event.time)}</time> },
  {
    title: "Event",
    cell: (event) => (
      <a class="cell-link named" href={href(["events", event.id], { at: placeOf(event) })}>
        <b>{event.type}</b>
        <small>{event.source}</small>
      </a>
    ),
  },
  {
    title: "User",
    cell: (event) =>
      event.subject ? (
        <a class="cell-link short" href={href(["users", event.subject])} title={event.subject}>
          {event.subject}
        </a>
      ) : (
        <span class="muted short">{who(event)}</span>
      ),
  },
  { title: "Worth", numeric: true, roomy: true, cell: worth },
  { title: "Properties", roomy: true, wide: true, cell: (event) => <span class="muted">{summary(event)}</span> },
];

function filterHere(): Filter {
  const { params } = address.value;
  const of = (name: keyof Filter) => params.get(name) ?? "";
  return { type: of("type"), source: of("source"), subject: of("subject"), text: of("text") };
}

/** The metric, and the one series of it, whose events the address asks for; null where it names none. */
function metricHere(): { metric: string; key: string; counted: Counted | undefined } | null {
  const { params } = address.value;
  const [metric, key] = [params.get("metric"), params.get("key") ?? ""];
  if (!metric) return null;
  const spec = metricNamed(metric);
  if (spec?.stream !== "user_interactions") return { metric, key, counted: undefined };
  const where = [
    ...(spec.namedBy ? [`${spec.namedBy}=${metric}`] : []),
    ...(key && spec.key ? [`${spec.key}=${key}`] : []),
  ];
  return { metric, key, counted: { types: spec.types ?? [], where } };
}

/** What comes in, newest first, with filters that the address holds. */
export function EventsPage() {
  const filter = filterHere();
  const of = metricHere();
  const known = of === null || definitionsTopic.data.value !== null;
  const chosen = range.value;
  const filtered = of !== null || Object.values(filter).some(Boolean);
  const answer = useAnswer(
    JSON.stringify([filter, of, chosen.key]),
    () => recentEvents(filter, chosen, LIMIT, of?.counted),
    chosen.span ? REFRESH_MS : 0,
    known,
  );
  const found = answer.data.value;
  return (
    <>
      <Filters filter={filter} found={found?.events ?? []} />
      {of && known && <OfMetric metric={of.metric} series={of.key} counted={of.counted} />}
      <div class="fill">
        <Panel
          title={filtered ? "Matching events" : "Latest events"}
          topic={answer}
          shape="rows"
          note={found && covered(found.events.length, found.looked_at, found.complete, chosen.label)}
          isEmpty={({ events }) => events.length === 0}
          empty={
            filtered ? (
              <Empty title="No event matches">
                <span>None in the range of the top bar. Widen it, or take a filter away.</span>
                <a class="button" href={href(["events"])}>
                  Clear all filters
                </a>
              </Empty>
            ) : (
              <Empty title="No events in this range">
                <span>Choose a longer one in the top bar{moment.value === null && ", or send one with an API key of yours:"}</span>
                {moment.value === null && <SendOneEvent />}
              </Empty>
            )
          }
        >
          {({ events }) => <DataTable label="Events, newest first" columns={columns} rows={events} rowKey={placeOf} />}
        </Panel>
      </div>
    </>
  );
}

/** Says which metric's events are listed, and takes that filter away. */
function OfMetric({ metric, series, counted }: { metric: string; series: string; counted: Counted | undefined }) {
  return (
    <section class="strip-note calm" aria-label="Events of a metric">
      <Icon name="chart" />
      <span>
        {counted ? (
          <>
            What <a href={href(["metrics", metric])}>{metric}</a> counts
            {series && (
              <>
                , series <b>{series}</b>
              </>
            )}
            {counted.types.length > 0 && <>: {counted.types.join(", ")}</>}
          </>
        ) : (
          <>No metric of events is called {metric}: all of them are listed.</>
        )}
      </span>
      <a class="button small" href={hrefHere({ metric: undefined, key: undefined })}>
        All events
      </a>
    </section>
  );
}

function covered(shown: number, lookedAt: number, complete: boolean, label: string): string {
  if (!complete) return `${count(shown)} found among the newest ${count(lookedAt)}; older ones were not looked at`;
  return shown >= LIMIT ? `the newest ${count(shown)}` : `all ${count(shown)}, ${label}`;
}

/** Four fields; what is typed goes into the address a moment later, so that it can be sent to somebody as a link. */
function Filters({ filter, found }: { filter: Filter; found: Event[] }) {
  const [typed, setTyped] = useState(filter);
  useEffect(() => setTyped(filter), [JSON.stringify(filter)]);
  useEffect(() => {
    if (JSON.stringify(typed) === JSON.stringify(filter)) return;
    const timer = setTimeout(() => go(hrefHere(typed), { replace: true }), TYPED_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  const top = useTopicNow("top_events").data.value?.rows ?? [];
  const known: Partial<Record<keyof Filter, string[]>> = {
    type: [...top.map(({ name }) => name), ...found.map(({ type }) => type)],
    source: [...top.map(({ source }) => source), ...found.map(({ source }) => source)],
  };
  return (
    <form class="filters" role="search" aria-label="Filter events" onSubmit={(event) => event.preventDefault()}>
      {fields.map(({ name, title, hint }) => (
        <label key={name}>
          <span>{title}</span>
          <input
            type="search"
            placeholder={hint}
            value={typed[name]}
            list={known[name] && `known-${name}`}
            autocomplete="off"
            spellcheck={false}
            onInput={(event) => setTyped({ ...typed, [name]: event.currentTarget.value })}
          />
          {known[name] && (
            <datalist id={`known-${name}`}>
              {[...new Set(known[name])].sort().map((value) => (
                <option key={value} value={value} />
              ))}
            </datalist>
          )}
        </label>
      ))}
      {Object.values(filter).some(Boolean) && (
        <a class="button" href={href(["events"])}>
          Clear
        </a>
      )}
    </form>
  );
}
