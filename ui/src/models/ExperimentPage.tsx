import { useAnswer } from "../ask/useAnswer";
import { count, duration } from "../format";
import { DataTable } from "../panel/DataTable";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import { href } from "../router";
import { Icon } from "../shell/Icon";
import type { Captured } from "../pages/routes";
import { scored } from "./ModelsPage";
import { experiment } from "./registry";

const REFRESH_MS = 5_000;

/** One training run: its trials, the best first, and what came of it. */
export function ExperimentPage({ captured }: { captured: Captured }) {
  const { id = "" } = captured;
  const answer = useAnswer(`experiment ${id}`, () => experiment(id), REFRESH_MS);
  const found = answer.data.value;
  return (
    <>
      <a class="button back" href={href(["models"])}>
        <Icon name="back" /> All models
      </a>
      <div class="fill">
        <Panel
          title={found?.model ? `Leaderboard of ${found.model}` : "Leaderboard"}
          topic={answer}
          shape="rows"
          note={found && `${found.state}${found.reason ? `: ${found.reason}` : ""}, ${count(found.tried)} trials, best ${scored(found.score)}${found.threshold == null ? "" : `, needed ${scored(found.threshold)}`}`}
          tools={
            found?.registered && (
              <a class="button small" href={href(["models", found.model])}>
                The model
              </a>
            )
          }
          isEmpty={({ trials = [] }) => trials.length === 0}
          empty={
            found && found.state !== "running" ? (
              <Empty title="There were no trials">
                <span>It failed before the first one, or the model was trained by its fixed recipe, without a search.</span>
              </Empty>
            ) : (
              <Empty title="No trial has ended yet">
                <span>They appear here one by one, the best first.</span>
              </Empty>
            )
          }
        >
          {({ trials = [] }) => (
            <DataTable
              label="Trials, the best first"
              rows={trials}
              rowKey={({ number }) => number}
              columns={[
                { title: "Trial", cell: ({ number, model }) => `${number} · ${model}` },
                { title: "Score", numeric: true, cell: ({ gain }) => scored(gain) },
                { title: "State", cell: ({ state, reason }) => (reason ? `${state}: ${reason}` : state) },
                { title: "Took", numeric: true, cell: ({ took_s }) => (took_s == null ? "–" : duration(took_s)) },
                { title: "Settings", wide: true, roomy: true, cell: ({ params }) => <span class="long">{Object.entries(params ?? {}).map(([name, value]) => `${name} ${typeof value === "number" ? scored(value) : String(value)}`).join(", ")}</span> },
              ]}
            />
          )}
        </Panel>
      </div>
    </>
  );
}
