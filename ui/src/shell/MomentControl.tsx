import { useEffect, useRef, useState } from "preact/hooks";
import { askReach } from "../ask/reach";
import { dayAndMinute, secondOfDay, wholeDay } from "../format";
import { backToNow, goTo, moment, reach, type How } from "../moment";
import { forInput, secondsIn } from "../range";
import { useShortcuts } from "../shortcuts";
import { now } from "../time";
import { Choice } from "../widgets/Choice";
import { Icon } from "./Icon";
import { usePopover } from "./usePopover";

/** A slider that is moved waits so long before its moment is shown. */
const SETTLES_MS = 250;
/** Steps of the slider, in seconds: the first that divides the span into no more than so many. */
const STEPS = [1, 10, 60, 300, 900, 3_600];
const MOST_STEPS = 2_500;
const AGO = [["1 h ago", 3_600], ["1 day ago", 86_400], ["1 week ago", 604_800]] as const;

const hows: Record<How, string> = { as_of: "As it was known then", valid_at: "As it is known now" };

/** Now, or a moment of the past: a slider over what the log covers, a field, and how the moment is meant. */
export function MomentControl() {
  const { open, setOpen, close, box, button, onKeyDown } = usePopover();
  const then = moment.value;
  useShortcuts([
    { keys: ["h"], label: "H", does: "choose a moment of the past", run: () => setOpen(true) },
    { keys: ["n"], label: "N", does: "back to now", run: () => moment.peek() && backToNow() },
  ]);
  useEffect(() => {
    if (open) void askReach();
  }, [open]);
  return (
    <div class="range moment" onKeyDown={onKeyDown}>
      <button
        ref={button}
        type="button"
        class="button range-button"
        data-past={then !== null}
        aria-expanded={open}
        aria-haspopup="dialog"
        title="Now, or a moment of the past (H)"
        onClick={() => setOpen(!open)}
      >
        <Icon name="past" />
        <span class="unseen">Moment: </span>
        <span class="spelt">{then === null ? "Now" : dayAndMinute(then.at)}</span>
      </button>
      {open && (
        <div ref={box} class="range-box" role="dialog" aria-label="Moment">
          <p class="range-note">Every page can be read as it was at any moment, or with hindsight: with all that came later about it.</p>
          <Chooser how={then === null || then.early ? "as_of" : then.how} at={then?.at ?? null} />
          <div class="choices">
            {then !== null && (
              <button type="button" class="button small" onClick={backToNow}>
                Back to now
              </button>
            )}
            <button type="button" class="button small" onClick={close}>
              Done
            </button>
          </div>
        </div>
      )}
    </div>
  );
}

function Chooser({ how, at }: { how: How; at: number | null }) {
  const [wanted, setWanted] = useState<How>(how);
  const [moved, setMoved] = useState<number | null>(null);
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  useEffect(() => setWanted(how), [how]);
  const to = Math.floor(now.peek() / 1_000);
  const from = startOf(to);
  const step = STEPS.find((each) => (to - from) / each <= MOST_STEPS) ?? STEPS.at(-1)!;
  const shown = moved ?? at ?? to;
  const known = reach.value?.known ?? null;
  const early = wanted === "as_of" && known !== null && shown < known;

  function slide(seconds: number) {
    setMoved(seconds);
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => {
      goTo(seconds, wanted, { replace: at !== null });
      setMoved(null);
    }, SETTLES_MS);
  }

  function means(chosen: How) {
    setWanted(chosen);
    if (at !== null) goTo(at, chosen);
  }

  return (
    <>
      <div class="range-field moment-slider">
        <b>
          {wholeDay(shown)}, {secondOfDay(shown)}
        </b>
        <input
          aria-label="Moment"
          type="range"
          min={from}
          max={to}
          step={step}
          value={shown}
          aria-valuetext={`${wholeDay(shown)}, ${secondOfDay(shown)}`}
          onInput={(event) => slide(event.currentTarget.valueAsNumber)}
        />
        <span class="moment-ends">
          <small>{dayAndMinute(from)}</small>
          <small>now</small>
        </span>
        {early && <small role="status">Nothing was known yet before {dayAndMinute(known)}: what is known now is shown.</small>}
      </div>
      <Typed at={shown} choose={(seconds) => goTo(seconds, wanted)} />
      <div class="choices">
        {AGO.filter(([, seconds]) => to - seconds >= from).map(([title, seconds]) => (
          <button key={title} type="button" class="button small" onClick={() => goTo(to - seconds, wanted)}>
            {title}
          </button>
        ))}
      </div>
      <div class="range-field">
        <span>Shown</span>
        <Choice label="Shown" choices={["as_of", "valid_at"] as const} chosen={wanted} text={(each) => hows[each]} choose={means} />
      </div>
    </>
  );
}

/** Where the slider begins: at what happened first, or became known first; an hour back where the log is younger. */
function startOf(to: number): number {
  const known = [reach.value?.known, reach.value?.happened].filter((each) => each != null);
  return Math.floor(Math.min(to - 600, ...known));
}

/** A moment to the second, in the zone that is chosen. */
function Typed({ at, choose }: { at: number; choose: (seconds: number) => void }) {
  const [complaint, setComplaint] = useState("");

  function submit(event: SubmitEvent) {
    event.preventDefault();
    const seconds = secondsIn(new FormData(event.currentTarget as HTMLFormElement).get("at"));
    if (seconds === null) return setComplaint("Give a date and a time.");
    if (seconds > now.peek() / 1_000) return setComplaint("That is still to come.");
    setComplaint("");
    choose(seconds);
  }

  return (
    <form class="range-custom one" onSubmit={submit} key={at}>
      <label>
        Date and time
        <input type="datetime-local" name="at" step="1" required defaultValue={forInput(at, 19)} />
      </label>
      <button class="button small">Show</button>
      <p class="complaint" role="alert">
        {complaint}
      </p>
    </form>
  );
}
