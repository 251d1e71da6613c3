import { useEffect, useRef, useState } from "preact/hooks";
import { get } from "../ask/request";
import { useAnswer } from "../ask/useAnswer";
import { definitionsTopic, type WidgetOptions, type WidgetSpec } from "../definitions";
import { Form } from "../explore/Form";
import { askedAt, withoutSpan, type Asked } from "../explore/questions";
import { SPANS, type Span } from "../range";
import { href } from "../router";
import { savedQueries } from "../sql/kept";
import { kindOf } from "../widgets/kinds";
import { askedOf } from "../widgets/source";
import { FIELDS, infoOf, optionsOf, sourceOf, startOf, TYPES, type SourceName } from "./types";

const SOURCES: Record<SourceName, string> = { metric: "a metric", question: "a question", query: "a kept query", topic: "a live topic" };
const ASKS: Record<string, string> = { trends: "how many events", users: "how many users", funnel: "a funnel", cohort: "a cohort", retention: "who comes back" };

export const metricNames = () =>
  Object.values(definitionsTopic.data.value ?? {})
    .filter(({ kind, name }) => kind === "metric" && !name.startsWith("{"))
    .map(({ name }) => name)
    .sort();

type Props = { widget: WidgetSpec; complaint: string; change: (widget: WidgetSpec, tag: string) => void; close: () => void };

/** What the chosen widget shows, and how; the board beside it shows each change at once. */
export function Options({ widget, complaint, change, close }: Props) {
  const head = useRef<HTMLInputElement>(null);
  useEffect(() => {
    head.current?.focus({ preventScroll: true });
    head.current?.closest("aside")?.scrollIntoView({ block: "nearest" }); // below the board, or above it, where there is little room
  }, [widget.id]);
  const info = infoOf(widget.type);
  const source = sourceOf(widget);
  const metrics = metricNames();
  const queries = savedQueries.value.map(({ name }) => name);

  function retype(type: string) {
    const next = infoOf(type);
    if (!next) return change({ id: widget.id, type, title: widget.title }, "");
    const keeps = source !== undefined && next.sources.includes(source) && (source !== "question" || next.asks.includes(String(widget.question?.ask)));
    const drawn = keeps ? { [source]: widget[source] } : startOf(type, next.sources, metrics, queries);
    const made: WidgetSpec = { id: widget.id, type, title: widget.title, range: next.sources.length > 0 ? widget.range : undefined, ...(next.sources.length > 0 ? drawn : {}) };
    const may = new Set(optionsOf(made));
    const kept = Object.fromEntries(Object.entries({ ...widget.options, ...made.options }).filter(([name]) => may.has(name)));
    change(pruned({ ...made, options: type === "text" ? { text: "What these figures mean." } : kept }), "");
  }

  function resource(name: SourceName) {
    const { id, type, title, range } = widget;
    const start = { ...startOf(type, [name], metrics, queries) };
    if (!(name in start)) Object.assign(start, { [name]: "" });
    change(pruned({ id, type, title, range, ...start }), "");
  }

  return (
    <aside class="panel edit-side" aria-label="Options">
      <header>
        <h2>{info?.name ?? kindOf(widget.type).title(widget)}</h2>
        <span class="spring" />
        <button type="button" class="button small" onClick={close}>
          Done
        </button>
      </header>
      <div class="edit-fields">
        <label class="field">
          <span>Title</span>
          <input ref={head} maxLength={200} value={widget.title ?? ""} placeholder={kindOf(widget.type).title(widget)} onInput={(event) => change(pruned({ ...widget, title: event.currentTarget.value || undefined }), "title")} />
        </label>
        {info && (
          <label class="field">
            <span>Drawn as</span>
            <select value={widget.type} onChange={(event) => retype(event.currentTarget.value)}>
              {TYPES.map(({ type, name }) => (
                <option key={type} value={type}>
                  {name}
                </option>
              ))}
            </select>
          </label>
        )}
        {widget.type === "measure" && (
          <Select title="Which figure" value={widget.options?.measure ?? ""} choices={{ active_users: "active users", events_per_minute: "events a minute", events_total: "all events", rejected: "refused rows" }} choose={(measure) => change({ ...widget, options: { ...widget.options, measure } }, "")} />
        )}
        {info && info.sources.length > 1 && (
          <Select title="Its figures come from" value={source ?? ""} choices={Object.fromEntries(info.sources.map((name) => [name, SOURCES[name]]))} choose={(name) => resource(name as SourceName)} />
        )}
        {source === "metric" && <Select title="Metric" value={widget.metric ?? ""} choices={listed(metrics, widget.metric)} choose={(metric) => change({ ...widget, metric }, "")} />}
        {source === "topic" && <Topic widget={widget} change={change} />}
        {source === "query" && (
          <>
            <Select title="Query" value={widget.query ?? ""} choices={{ ...(queries.length === 0 || !widget.query ? { "": queries.length === 0 ? "none is kept yet" : "choose one" } : {}), ...listed(queries, widget.query) }} choose={(query) => change({ ...widget, query }, "")} />
            <p class="muted">
              <code>$since</code> and <code>$until</code> in a query stand for the time range. <a href={href(["sql"])}>Write one</a>
            </p>
          </>
        )}
        {source === "question" && info && <Question widget={widget} asks={info.asks} change={change} />}
        {optionsOf(widget).map((name) => (
          <Option key={name} name={name} widget={widget} change={change} />
        ))}
        {source && (
          <Select title="Time range" value={widget.range ?? ""} choices={{ "": "of the top bar", ...Object.fromEntries(Object.keys(SPANS).map((span) => [span, `always the last ${span}`])) }} choose={(span) => change(pruned({ ...widget, range: (span || undefined) as Span | undefined }), "")} />
        )}
        <p class="complaint" role="alert">
          {complaint}
        </p>
      </div>
    </aside>
  );
}

const listed = (names: string[], held: string | undefined) => Object.fromEntries((held && !names.includes(held) ? [held, ...names] : names).map((name) => [name, name]));

/** Without what is not said. */
export function pruned(widget: WidgetSpec): WidgetSpec {
  const options = Object.fromEntries(Object.entries(widget.options ?? {}).filter(([, value]) => value !== undefined && value !== "" && !(Array.isArray(value) && value.length === 0)));
  const { options: _, ...rest } = widget;
  const said = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)) as WidgetSpec;
  return Object.keys(options).length > 0 ? { ...said, options: options as WidgetOptions } : said;
}

function Topic({ widget, change }: Pick<Props, "widget" | "change">) {
  const known = useAnswer("topics", () => get<{ topics: { name: string }[] }>("/v1/dashboards")).data.value?.topics ?? [];
  return (
    <label class="field">
      <span>Topic</span>
      <input value={widget.topic ?? ""} list="known-topics" spellcheck={false} autocomplete="off" onChange={(event) => change({ ...widget, topic: event.currentTarget.value.trim() }, "topic")} />
      <datalist id="known-topics">
        {known.map(({ name }) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      {widget.topic && (
        <a class="muted" href={href(["topics", widget.topic])}>
          What it has
        </a>
      )}
    </label>
  );
}

function Question({ widget, asks, change }: Pick<Props, "widget" | "change"> & { asks: string[] }) {
  const question = widget.question ?? {};
  const asked = { ...askedAt(null, String(question.ask)), ...askedOf(question) } as Asked;
  const put = (next: Asked) => change({ ...widget, question: kept(withoutSpan(next), next, question) }, "");
  return (
    <>
      {asks.length > 1 && <Select title="Question" value={asked.ask} choices={Object.fromEntries(asks.map((ask) => [ask, ASKS[ask] ?? ask]))} choose={(ask) => put(askedAt(null, ask))} />}
      <div class="edit-question">
        <Form asked={asked} change={put} />
      </div>
    </>
  );
}

/** A funnel keeps its steps that are not chosen yet; fields that this form does not have stay as they are. */
function kept(said: Record<string, unknown>, { ask, events }: Asked, before: Record<string, unknown>): Record<string, unknown> {
  const others = before.ask === ask ? Object.fromEntries(Object.entries(before).filter(([name]) => ["where", "top", "hold", "exclude", "user", "stream"].includes(name))) : {};
  return { ...others, ...said, ...(ask === "funnel" ? { steps: events } : {}) };
}

type SelectProps = { title: string; value: string; choices: Record<string, string>; choose: (value: string) => void };

export function Select({ title, value, choices, choose }: SelectProps) {
  return (
    <label class="field">
      <span>{title}</span>
      <select value={value} onChange={(event) => choose(event.currentTarget.value)}>
        {Object.entries(choices).map(([name, text]) => (
          <option key={name} value={name}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

function Option({ name, widget, change }: { name: string } & Pick<Props, "widget" | "change">) {
  const { title, hint, choices, number, long, list } = FIELDS[name]!;
  const held = widget.options?.[name as keyof WidgetOptions];
  const put = (value: unknown) => change(pruned({ ...widget, options: { ...widget.options, [name]: value } }), `option ${name}`);
  if (choices) return <Select title={title} value={String(held ?? "")} choices={choices} choose={(value) => put(value || undefined)} />;
  if (long) {
    return (
      <label class="field">
        <span>{title}</span>
        <textarea rows={7} maxLength={4_000} value={String(held ?? "")} onInput={(event) => put(event.currentTarget.value || " ")} />
        <small class="muted">{hint}</small>
      </label>
    );
  }
  return (
    <label class="field">
      <span>{title}</span>
      <Typed value={Array.isArray(held) ? held.join(", ") : String(held ?? "")} hint={hint} number={number} done={(text) => put(text === "" ? undefined : number ? Number(text) : list ? text.split(",").map((each) => each.trim()).filter(Boolean) : text)} />
    </label>
  );
}

function Typed({ value, hint, number, done }: { value: string; hint?: string; number?: boolean; done: (text: string) => void }) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const said = {
    placeholder: hint,
    value: text,
    onInput: (event: { currentTarget: HTMLInputElement }) => setText(event.currentTarget.value),
    onChange: (event: { currentTarget: HTMLInputElement }) => done(event.currentTarget.value.trim()),
  };
  return number ? <input type="number" step="any" {...said} /> : <input autocomplete="off" spellcheck={false} {...said} />;
}
