import { useState } from "preact/hooks";
import { notify } from "../notices";
import { FormDialog } from "../panel/FormDialog";
import { define, type Criterion } from "./cohorts";

const FIRST: Criterion = { event: "", did: true, at_least: 1, within: "" };
const MOST = 20;
const LENGTHS = { "": "ever", "1d": "in a day", "7d": "in a week", "30d": "in 30 days", "90d": "in 90 days" };

/** Defines a cohort by what its users did and did not do. `events`: names that are suggested by the list of that id. */
export function NewCohort({ list, made }: { list: string; made: (name: string) => void }) {
  const [name, setName] = useState("");
  const [match, setMatch] = useState<"all" | "any">("all");
  const [criteria, setCriteria] = useState<Criterion[]>([FIRST]);
  const change = (i: number, said: Partial<Criterion>) => setCriteria(criteria.map((each, j) => (j === i ? { ...each, ...said } : each)));

  async function save() {
    await define(name.trim(), match, criteria);
    notify(`The cohort ${name.trim()} is defined.`);
    made(name.trim());
  }

  return (
    <FormDialog button="New cohort…" look="cohort" title="A group of users" send="Define" sending="Defining…" ready={name.trim() !== ""} save={save}>
      <p>By what they did. Every question can then be asked about them, or about the others.</p>
      <label class="field">
        <span>Name</span>
        <input required maxLength={200} value={name} autocomplete="off" onInput={(event) => setName(event.currentTarget.value)} />
      </label>
      {criteria.map((criterion, i) => (
        <fieldset key={i}>
          <legend class="unseen">Criterion {i + 1}</legend>
          <select aria-label={`Criterion ${i + 1}: did or did not`} value={criterion.did ? "did" : "not"} onChange={(event) => change(i, { did: event.currentTarget.value === "did" })}>
            <option value="did">did</option>
            <option value="not">did not do</option>
          </select>
          <input
            type="search"
            required
            placeholder="an event"
            aria-label={`Criterion ${i + 1}: event`}
            list={list}
            autocomplete="off"
            value={criterion.event}
            onInput={(event) => change(i, { event: event.currentTarget.value })}
          />
          <label>
            <input
              type="number"
              min={1}
              max={1_000_000}
              required
              aria-label={`Criterion ${i + 1}: at least so often`}
              value={criterion.at_least}
              onInput={(event) => change(i, { at_least: event.currentTarget.valueAsNumber || 1 })}
            />
            × or more
          </label>
          <select aria-label={`Criterion ${i + 1}: within`} value={criterion.within} onChange={(event) => change(i, { within: event.currentTarget.value })}>
            {Object.entries(LENGTHS).map(([length, text]) => (
              <option key={length} value={length}>
                {text}
              </option>
            ))}
          </select>
          {criteria.length > 1 && (
            <button type="button" class="button square" aria-label={`Take criterion ${i + 1} away`} onClick={() => setCriteria(criteria.filter((_, j) => j !== i))}>
              ×
            </button>
          )}
        </fieldset>
      ))}
      <div class="choices">
        {criteria.length < MOST && (
          <button type="button" class="button small" onClick={() => setCriteria([...criteria, FIRST])}>
            Add a criterion
          </button>
        )}
        {criteria.length > 1 && (
          <select aria-label="How many of them must hold" value={match} onChange={(event) => setMatch(event.currentTarget.value as "all" | "any")}>
            <option value="all">all must hold</option>
            <option value="any">one must hold</option>
          </select>
        )}
      </div>
    </FormDialog>
  );
}
