import { placeOf, type Event } from "../ask/events";
import { duration, secondOfDay, secondsOf, wholeDay } from "../format";
import { href } from "../router";
import { summary, worth } from "./eventText";

/** A pause this long, in seconds, is told between two events. */
const PAUSE = 1_800;

/** Events of one user, newest first, by day, with the pauses between them. `here`: the one that is shown beside. */
export function Timeline({ events, here = "" }: { events: Event[]; here?: string }) {
  const inOrder = [...events].sort((a, b) => secondsOf(b.time) - secondsOf(a.time) || b.offset - a.offset);
  return (
    <ol class="timeline" tabIndex={0} aria-label="Timeline, newest first">
      {inOrder.map((event, i) => {
        const at = secondsOf(event.time);
        const later = i > 0 ? secondsOf(inOrder[i - 1]!.time) : null;
        const newDay = later === null || wholeDay(later) !== wholeDay(at);
        const pause = later !== null && !newDay ? later - at : 0;
        return (
          <li key={placeOf(event)} aria-current={placeOf(event) === here ? "true" : undefined}>
            {newDay && <h3>{wholeDay(at)}</h3>}
            {pause >= PAUSE && <p class="pause">{duration(pause)} without an event</p>}
            <a href={href(["events", event.id], { at: placeOf(event) })}>
              <time dateTime={event.time}>{secondOfDay(at)}</time>
              <b>{event.type}</b>
              <span class="worth">{worth(event)}</span>
              <small>
                {event.source}
                {event.properties && event.properties !== "{}" && ` · ${summary(event)}`}
              </small>
            </a>
          </li>
        );
      })}
    </ol>
  );
}
