import type { ComponentChildren } from "preact";
import { eventAt, eventById, placeOf, recentEvents, type Event } from "../ask/events";
import { useAnswer } from "../ask/useAnswer";
import { secondOfDay, secondsOf, wholeDay, withUnit } from "../format";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import { range } from "../range";
import { address, href } from "../router";
import { Icon } from "../shell/Icon";
import { objectOf, who, worth } from "./eventText";
import type { Captured } from "./routes";
import { Timeline } from "./Timeline";

const AROUND = 50;

/** All of one event, and what else its user did. */
export function EventPage({ captured }: { captured: Captured }) {
  const id = captured.id ?? "";
  const place = address.value.params.get("at") ?? "";
  const answer = useAnswer(`${id} ${place}`, async () => {
    const event = place ? await eventAt(place, id) : null;
    return { event: event ?? (await eventById(id)) };
  });
  const event = answer.data.value?.event;
  return (
    <>
      <a class="button back" href={href(["events"])}>
        <Icon name="back" /> All events
      </a>
      <div class="two">
        <Panel
          title={event?.type ?? "Event"}
          topic={answer}
          shape="rows"
          note={event?.source}
          isEmpty={(found) => found.event === null}
          empty={
            <Empty title="No such event">
              <span>No event with the id {id} is in the log; it may have been trimmed.</span>
              <a class="button" href={href(["events"])}>
                All events
              </a>
            </Empty>
          }
        >
          {(found) => found.event && <Facts event={found.event} />}
        </Panel>
        {event?.subject && <OfTheUser subject={event.subject} here={placeOf(event)} />}
      </div>
    </>
  );
}

function Facts({ event }: { event: Event }) {
  const at = secondsOf(event.time);
  const took = (secondsOf(event.received) - at) * 1_000;
  const facts: [string, ComponentChildren][] = [
    ["Event", <a href={href(["events"], { type: event.type })}>{event.type}</a>],
    ["Source", <a href={href(["events"], { source: event.source })}>{event.source}</a>],
    ["User", event.subject ? <a href={href(["users", event.subject])}>{event.subject}</a> : who(event) || "–"],
    ["Happened", `${wholeDay(at)}, ${secondOfDay(at)}`],
    ["Received", took >= 0 ? `${withUnit(took < 10_000 ? took.toFixed(0) : (took / 1_000).toFixed(0), took < 10_000 ? "ms" : "s")} later` : "before its own time: the sender's clock is ahead"],
    ["Worth", worth(event) || "–"],
    ["Id", <code>{event.id}</code>],
    ["Place in the log", <code>{`${event.producer} · ${event.offset}`}</code>],
  ];
  return (
    <div class="facts" tabIndex={0} role="region" aria-label="The event's fields">
      <dl>
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <Json title="Properties" text={event.properties} />
      <Json title="Context" text={event.context} />
    </div>
  );
}

function Json({ title, text }: { title: string; text: string | null }) {
  const found = objectOf(text);
  if (Object.keys(found).length === 0) return null;
  return (
    <>
      <h3>{title}</h3>
      <pre>{JSON.stringify(found, null, 2)}</pre>
    </>
  );
}

function OfTheUser({ subject, here }: { subject: string; here: string }) {
  const chosen = range.value;
  const answer = useAnswer(`${subject} ${chosen.key}`, () => recentEvents({ subject }, chosen, AROUND));
  return (
    <Panel
      title="What this user did"
      topic={answer}
      shape="rows"
      note={`last ${AROUND}, ${chosen.label}`}
      tools={
        <a class="button small" href={href(["users", subject])}>
          Whole timeline
        </a>
      }
      isEmpty={({ events }) => events.length === 0}
      empty={
        <Empty title="Nothing in this range">
          <span>Choose a longer one in the top bar.</span>
        </Empty>
      }
    >
      {({ events }) => <Timeline events={events} here={here} />}
    </Panel>
  );
}
