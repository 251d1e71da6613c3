import { useState } from "preact/hooks";
import { post, remove } from "../ask/request";
import { useNamedTopic } from "../ask/useTopic";
import { dayAndMinute } from "../format";
import type { View } from "../live/topic";
import { notify } from "../notices";
import { DataTable } from "../panel/DataTable";
import { Empty } from "../panel/Empty";
import { FormDialog } from "../panel/FormDialog";
import { Panel } from "../panel/Panel";
import { address } from "../router";
import { Tabs } from "./Tabs";

type Silence = { id: string; matchers: string[]; by: string; comment: string; t: number; until: number | null };

const LENGTHS = { "3600": "an hour", "14400": "four hours", "86400": "a day", "604800": "a week", "": "until it is resolved" };

/** Of whose alerts nobody is told now. */
export function SilencesPage() {
  const topic = useNamedTopic("silences") as View<Record<string, Silence>>;
  const end = (id: string) => remove(`/v1/silences/${encodeURIComponent(id)}`).catch((error: unknown) => notify(String(error)));
  return (
    <>
      <Tabs />
      <Panel
        title="Silences"
        topic={topic}
        shape="rows"
        note="alerts go on, and nobody is told"
        tools={<NewSilence />}
        isEmpty={(silences) => Object.keys(silences).length === 0}
        empty={
          <Empty title="Nothing is silenced">
            <span>While you work on something, silence what it sets off: the page shows it, and nobody is called.</span>
          </Empty>
        }
      >
        {(silences) => (
          <DataTable
            label="Silences, newest first"
            rows={Object.values(silences).sort((a, b) => b.t - a.t)}
            rowKey={({ id }) => id}
            columns={[
              { title: "Which alerts", wide: true, cell: ({ matchers, comment }) => <span title={comment}>{matchers.join(", ")}{comment && ` · ${comment}`}</span> },
              { title: "Until", cell: ({ until }) => (until === null ? "resolved" : dayAndMinute(until)) },
              { title: "By", roomy: true, cell: ({ by }) => by },
              {
                title: "",
                cell: ({ id, matchers }) => (
                  <button type="button" class="button small" onClick={() => end(id)}>
                    End <span class="unseen">the silence of {matchers.join(", ")}</span>
                  </button>
                ),
              },
            ]}
          />
        )}
      </Panel>
    </>
  );
}

function NewSilence() {
  const rule = address.value.params.get("rule");
  const [matchers, setMatchers] = useState(rule ? `rule=${JSON.stringify(rule)}` : "");
  const [length, setLength] = useState("3600");
  const [comment, setComment] = useState("");
  async function save() {
    const ends = length ? { for_s: Number(length) } : { until_resolved: true };
    await post("/v1/silences", { matchers: matchers.split("\n").map((one) => one.trim()).filter(Boolean), comment, ...ends });
    notify("Nobody is told of these alerts for now.");
  }
  return (
    <FormDialog button="New silence…" small title="Tell nobody for a while" send="Silence" sending="Silencing…" ready={matchers.trim() !== ""} save={save}>
      <label class="field">
        <span>Alerts that have all of these, one a line</span>
        <textarea required rows={3} spellcheck={false} placeholder={'rule="Many refunds"\nkey=~"web-.*"'} value={matchers} onInput={(event) => setMatchers(event.currentTarget.value)} />
      </label>
      <label class="field">
        <span>For</span>
        <select value={length} onChange={(event) => setLength(event.currentTarget.value)}>
          {Object.entries(LENGTHS).map(([seconds, said]) => (
            <option key={seconds} value={seconds}>
              {said}
            </option>
          ))}
        </select>
      </label>
      <label class="field">
        <span>Why</span>
        <input maxLength={500} value={comment} onInput={(event) => setComment(event.currentTarget.value)} />
      </label>
    </FormDialog>
  );
}
