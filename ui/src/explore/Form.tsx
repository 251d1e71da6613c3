import { useEffect, useState } from "preact/hooks";
import { useTopicNow } from "../ask/useTopic";
import { moment } from "../moment";
import { cohorts } from "./cohorts";
import { NewCohort } from "./NewCohort";
import type { Asked } from "./questions";

/** How many events a question takes, and what each is to it. */
const EVENTS: Record<Asked["ask"], { most: number; least: number; title: (i: number) => string }> = {
  trends: { most: 5, least: 1, title: () => "Event" },
  funnel: { most: 8, least: 2, title: (i) => `Step ${i + 1}` },
  retention: { most: 2, least: 2, title: (i) => (i === 0 ? "Users begin with" : "and come back with") },
  users: { most: 1, least: 1, title: () => "Event" },
  paths: { most: 2, least: 2, title: (i) => (i === 0 ? "Paths begin with" : "and get to") },
  cohort: { most: 0, least: 0, title: () => "" },
};

const STEPS = Object.fromEntries(Array.from({ length: 7 }, (_, i) => [String(i + 2), String(i + 2)]));

type Props = { asked: Asked; change: (asked: Asked) => void };

/** The fields of one question. An event's name is taken once it is chosen, or the field is left. */
export function Form({ asked, change }: Props) {
  const { most, least, title } = EVENTS[asked.ask];
  const known = useTopicNow("top_events").data.value?.rows ?? [];
  const names = [...new Set(known.map(({ name }) => name))].sort();
  const put = (i: number, event: string) => change({ ...asked, events: asked.events.map((each, j) => (j === i ? event : each)) });
  const without = (i: number) => change({ ...asked, events: asked.events.filter((_, j) => j !== i) });
  return (
    <form class="filters explore-form" aria-label="Question" onSubmit={(event) => event.preventDefault()}>
      {asked.events.map((event, i) => (
        <label key={i}>
          <span>{title(i)}</span>
          <span class="with-button">
            <Typed value={event} hint={asked.ask === "funnel" ? "an event" : asked.ask === "paths" ? (i === 0 ? "anything" : "anywhere") : "any event"} list="known-events" done={(text) => put(i, text)} />
            {asked.events.length > least && (
              <button type="button" class="button square" aria-label={`Take ${title(i)} away`} onClick={() => without(i)}>
                ×
              </button>
            )}
          </span>
        </label>
      ))}
      <datalist id="known-events">
        {names.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      {asked.events.length < most && (
        <button type="button" class="button" onClick={() => change({ ...asked, events: [...asked.events, ""] })}>
          Add {asked.ask === "funnel" ? "a step" : "an event"}
        </button>
      )}
      {asked.ask === "trends" && (
        <Select title="Measured" value={asked.measure} options={{ count: "events", users: "different users" }} choose={(measure) => change({ ...asked, measure })} />
      )}
      {asked.ask === "funnel" && (
        <>
          <Select title="Within" value={asked.window} options={{ "1h": "an hour", "1d": "a day", "7d": "a week", "14d": "two weeks", "30d": "30 days" }} choose={(window) => change({ ...asked, window })} />
          <Select title="Order" value={asked.order} options={{ ordered: "in this order", strict: "nothing between", any: "in any order" }} choose={(order) => change({ ...asked, order })} />
        </>
      )}
      {asked.ask === "retention" && (
        <Select title="Counted in" value={asked.mode} options={{ first_time: "the first time", recurring: "each time" }} choose={(mode) => change({ ...asked, mode })} />
      )}
      {(asked.ask === "retention" || asked.ask === "users") && (
        <Select title="By" value={asked.interval} options={{ day: "day", week: "week", month: "month" }} choose={(interval) => change({ ...asked, interval })} />
      )}
      {"breakdown" in asked && (
        <label>
          <span>Broken down by</span>
          <Typed value={asked.breakdown} hint="nothing" list="known-columns" done={(breakdown) => change({ ...asked, breakdown })} />
        </label>
      )}
      {asked.ask === "paths" && (
        <>
          <label>
            <span>Named by</span>
            <Typed value={asked.by} hint="type" list="known-columns" done={(by) => change({ ...asked, by })} />
          </label>
          <Select title="Steps" value={asked.steps} options={STEPS} choose={(steps) => change({ ...asked, steps })} />
          <Select title="A pause ends a path" value={asked.pause} options={{ "10m": "of 10 minutes", "30m": "of 30 minutes", "2h": "of two hours", "1d": "of a day" }} choose={(pause) => change({ ...asked, pause })} />
        </>
      )}
      {asked.ask === "cohort" ? (
        <>
          <label>
            <span>Cohort</span>
            <select value={asked.cohort} onChange={(event) => change({ ...asked, cohort: event.currentTarget.value })}>
              <option value="">{cohorts.value.length === 0 ? "none is defined" : "choose one"}</option>
              {cohorts.value.map((name) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
          </label>
          {moment.value === null && <NewCohort list="known-events" made={(cohort) => change({ ...asked, cohort })} />}
        </>
      ) : (
        (cohorts.value.length > 0 || asked.among) && <Among among={asked.among ?? ""} choose={(among) => change({ ...asked, among })} />
      )}
      <datalist id="known-columns">
        {["source", "type", "currency", "context.device.type", "context.campaign.source"].map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </form>
  );
}

/** Whose events are asked about: everybody's, those of a cohort, or those of all others. */
function Among({ among, choose }: { among: string; choose: (among: string) => void }) {
  const known = cohorts.value.flatMap((name) => [`in ${name}`, `not in ${name}`]);
  const all = among && !known.includes(among) ? [among, ...known] : known;
  return (
    <label>
      <span>Users</span>
      <select value={among} onChange={(event) => choose(event.currentTarget.value)}>
        <option value="">everybody</option>
        {all.map((each) => (
          <option key={each} value={each}>
            {each}
          </option>
        ))}
      </select>
    </label>
  );
}

function Typed({ value, hint, list, done }: { value: string; hint: string; list: string; done: (text: string) => void }) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  return (
    <input
      type="search"
      placeholder={hint}
      value={text}
      list={list}
      autocomplete="off"
      spellcheck={false}
      onInput={(event) => setText(event.currentTarget.value)}
      onChange={(event) => done(event.currentTarget.value.trim())}
    />
  );
}

type SelectProps<T extends string> = { title: string; value: T; options: Record<T, string>; choose: (value: T) => void };

function Select<T extends string>({ title, value, options, choose }: SelectProps<T>) {
  return (
    <label>
      <span>{title}</span>
      <select value={value} onChange={(event) => choose(event.currentTarget.value as T)}>
        {(Object.entries(options) as [T, string][]).map(([name, text]) => (
          <option key={name} value={name}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}
