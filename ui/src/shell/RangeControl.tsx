import { useState } from "preact/hooks";
import { dayAndMinute } from "../format";
import {
  chooseMoments,
  chooseSpan,
  chooseVersus,
  chooseZone,
  ends,
  forInput,
  lengthen,
  range,
  secondsIn,
  SPANS,
  utc,
  versus,
  type Span,
  type Versus,
} from "../range";
import { useShortcuts } from "../shortcuts";
import { Choice } from "../widgets/Choice";
import { Icon } from "./Icon";
import { usePopover } from "./usePopover";

const spans = Object.keys(SPANS) as Span[];
const comparisons: Versus[] = ["prior", "week", "none"];
const comparisonText: Record<Versus, string> = { prior: "Span before", week: "Week earlier", none: "Nothing" };

const notes = {
  answers: "",
  some: "Up to the last hour the panels are live, and each names the span of its figures. Longer ranges, and those of the past, are asked of the log.",
  none: "This page shows what is there now; the range is kept for the others.",
} as const;

/** Chooses the time range, what it is compared with, and the zone; the address holds them, and every link carries them. */
export function RangeControl({ answered }: { answered: keyof typeof notes }) {
  const { open, setOpen, close, box, button, onKeyDown } = usePopover();
  useShortcuts([
    { keys: ["r"], label: "R", does: "choose the time range", run: () => setOpen(true) },
    { keys: ["[", "]"], label: "[ ]", does: "shorter or longer range", run: (key) => lengthen(key === "]" ? 1 : -1) },
  ]);

  return (
    <div class="range" onKeyDown={onKeyDown}>
      <button
        ref={button}
        type="button"
        class="button range-button"
        data-answered={answered}
        aria-expanded={open}
        aria-haspopup="dialog"
        title={`Time range (R). ${notes[answered]}`}
        onClick={() => setOpen(!open)}
      >
        <Icon name="clock" />
        <span class="unseen">Time range: </span>
        {range.value.span ?? (
          <>
            <span class="spelt">{range.value.label}</span>
            <span class="short-label">Custom</span>
          </>
        )}
        {utc.value && <small>UTC</small>}
      </button>
      {open && (
        <div ref={box} class="range-box" role="dialog" aria-label="Time range">
          {notes[answered] && <p class="range-note">{notes[answered]}</p>}
          <Field name="Last">
            <Choice label="Last" choices={spans} chosen={range.value.span ?? ""} text={String} choose={(span) => chooseSpan(span as Span)} />
          </Field>
          <Custom />
          <Field name="Compare with">
            <Choice label="Compare with" choices={comparisons} chosen={versus.value} text={(each) => comparisonText[each]} choose={chooseVersus} />
          </Field>
          <Field name="Times in">
            <Choice
              label="Times in"
              choices={["here", "utc"] as const}
              chosen={utc.value ? "utc" : "here"}
              text={(zone) => (zone === "utc" ? "UTC" : hereName())}
              choose={(zone) => chooseZone(zone === "utc")}
            />
          </Field>
          <button type="button" class="button small" onClick={close}>
            Done
          </button>
        </div>
      )}
    </div>
  );
}

const hereName = () => Intl.DateTimeFormat().resolvedOptions().timeZone.split("/").at(-1)!.replaceAll("_", " ");

function Field({ name, children }: { name: string; children: preact.ComponentChildren }) {
  return (
    <div class="range-field">
      <span>{name}</span>
      {children}
    </div>
  );
}

/** Two moments of one's own, in the zone that is chosen. */
function Custom() {
  const { from, to } = ends(range.value);
  const [complaint, setComplaint] = useState("");

  function submit(event: SubmitEvent) {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const [start, end] = [secondsIn(form.get("from")), secondsIn(form.get("to"))];
    if (start === null || end === null) return setComplaint("Give both moments.");
    if (end <= start) return setComplaint("The end lies before the start.");
    setComplaint("");
    chooseMoments(start, end);
  }

  return (
    <form class="range-custom" onSubmit={submit} key={`${range.value.key}${utc.value}`}>
      <label>
        From
        <input type="datetime-local" name="from" required defaultValue={forInput(from)} />
      </label>
      <label>
        To
        <input type="datetime-local" name="to" required defaultValue={forInput(to)} />
      </label>
      <button class="button small">Apply</button>
      <p class="complaint" role="alert">
        {complaint}
      </p>
      <p class="muted">
        {dayAndMinute(from)} – {dayAndMinute(to)}
      </p>
    </form>
  );
}
