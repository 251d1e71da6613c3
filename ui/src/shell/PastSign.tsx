import { useEffect } from "preact/hooks";
import { askReach } from "../ask/reach";
import { dayAndMinute, secondOfDay, wholeDay } from "../format";
import { backToNow, goTo, mistaken, moment, reach, saidMoment } from "../moment";
import { Icon } from "./Icon";

/** Said on every page that shows the past: which moment, how it is meant, and the way back. */
export function PastSign() {
  const then = moment.value;
  useEffect(() => {
    if (then && reach.value === null) void askReach();
  }, [then?.key]);
  if (then === null || mistaken.value) return null;
  const known = reach.value?.known;
  return (
    <section class="past-sign" aria-label="This is the past">
      <Icon name="past" />
      <span role="status">
        <b>
          {wholeDay(then.at)}, {secondOfDay(then.at)}
        </b>{" "}
        {then.early && known != null
          ? `Nothing was known yet: the first row came ${dayAndMinute(known)}. So this is what is known now of what had happened by then.`
          : then.how === "as_of"
            ? "The past, as it was known then."
            : "The past, as it is known now: with all that came later about it."}
      </span>
      {!then.early && (
        <button type="button" class="button small" onClick={() => goTo(then.at, then.how === "as_of" ? "valid_at" : "as_of")}>
          {then.how === "as_of" ? "As it is known now" : "As it was known then"}
        </button>
      )}
      <button type="button" class="button small primary" title="Back to now (N)" onClick={backToNow}>
        Back to now
      </button>
    </section>
  );
}

/** In place of a page where the address names no moment of the past. */
export function NoMoment() {
  return (
    <section class="panel nowhere" aria-label="No such moment">
      <div class="message">
        <b>{mistaken.value === "to come" ? "That moment is still to come" : "The link names no moment"}</b>
        <span>
          {mistaken.value === "to come"
            ? `${saidMoment.value} has not been yet. What may come is in the forecasts of a metric; what was is behind the clock above.`
            : `“${saidMoment.value}” is no time as ISO 8601 writes it, such as 2026-01-31T09:30:00Z.`}
        </span>
        <button type="button" class="button" onClick={backToNow}>
          Back to now
        </button>
      </div>
    </section>
  );
}
