import { useState } from "preact/hooks";
import { annotate, KINDS } from "../ask/annotations";
import { moment } from "../moment";
import { notify } from "../notices";
import { FormDialog } from "../panel/FormDialog";
import { forInput, secondsIn } from "../range";

/** Says what happened when: charts show it as a mark. */
export function AnnotateButton({ dashboard }: { dashboard: string }) {
  const [title, setTitle] = useState("");
  const [kind, setKind] = useState<string>("release");
  const [about, setAbout] = useState("");
  const [at, setAt] = useState("");
  const [here, setHere] = useState(false);
  if (moment.value !== null) return null;

  async function save() {
    const time = secondsIn(at);
    if (time === null) throw new Error("Give the moment when it happened.");
    await annotate({ title: title.trim(), kind, about: about.trim(), time, ...(here ? { dashboard } : {}) });
    notify(`${title.trim()} is marked on the charts.`);
    setTitle("");
    setAbout("");
  }

  return (
    <FormDialog button="Mark…" small look="annotate" title="Mark what happened" send="Mark" sending="Marking…" ready={title.trim() !== ""} opened={() => setAt(forInput(Date.now() / 1_000, 19))} save={save}>
      <p>A release, a campaign, an incident: every chart shows it, so that a change of a figure has its reason beside it.</p>
      <label class="field">
        <span>What</span>
        <input required maxLength={200} value={title} placeholder="Release 2.1" autocomplete="off" onInput={(event) => setTitle(event.currentTarget.value)} />
      </label>
      <label class="field">
        <span>Kind</span>
        <select value={kind} onChange={(event) => setKind(event.currentTarget.value)}>
          {KINDS.map((each) => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </select>
      </label>
      <label class="field">
        <span>When</span>
        <input type="datetime-local" step="1" required value={at} onInput={(event) => setAt(event.currentTarget.value)} />
      </label>
      <label class="field">
        <span>More about it</span>
        <input maxLength={2000} value={about} autocomplete="off" onInput={(event) => setAbout(event.currentTarget.value)} />
      </label>
      <label class="check">
        <input type="checkbox" checked={here} onChange={(event) => setHere(event.currentTarget.checked)} /> On this dashboard only
      </label>
    </FormDialog>
  );
}
