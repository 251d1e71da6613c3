import { useAnswer } from "../ask/useAnswer";
import { count, dayAndMinute, duration, figure, withUnit } from "../format";
import { DataTable } from "../panel/DataTable";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import { href } from "../router";
import { experiments, models, type Experiment, type Summary } from "./registry";

const REFRESH_MS = 10_000;
export const scored = (score: number | null | undefined) => (score == null ? "–" : figure(Math.round(score * 10_000) / 10_000));
export const share = (part: number) => withUnit((part * 100).toFixed(part > 0 && part < 0.001 ? 2 : 1), "%");

/** Every model: which version answers, how it fares, and the training runs. */
export function ModelsPage() {
  const known = useAnswer("models", models, REFRESH_MS);
  const runs = useAnswer("experiments", () => experiments(), REFRESH_MS);
  return (
    <div class="models">
      <Panel
        title="Models"
        topic={known}
        shape="rows"
        isEmpty={(found) => found.length === 0}
        empty={
          <Empty title="No model yet">
            <span>Train one of a table; its trials are shown here as they come:</span>
            <pre class="one-command" tabIndex={0} aria-label="Command that trains a model">hindcast train customers.csv --target churned --name churn --deploy</pre>
          </Empty>
        }
      >
        {(found) => (
          <DataTable
            label="Models"
            rows={found}
            rowKey={({ name }) => name}
            columns={[
              {
                title: "Model",
                wide: true,
                cell: ({ name }) => (
                  <a class="cell-link" href={href(["models", name])}>
                    {name}
                  </a>
                ),
              },
              { title: "Champion", numeric: true, roomy: true, cell: ({ champion, versions }) => `${champion ?? "–"} of ${versions}` },
              { title: "Score", numeric: true, cell: ({ metric, score }) => <span title={metric}>{scored(score)}</span> },
              { title: "Answers", roomy: true, cell: (model) => <Answers model={model} /> },
              { title: "Asked", numeric: true, roomy: true, cell: ({ rows }) => count(rows) },
              { title: "Errors", numeric: true, roomy: true, cell: ({ rows, error_rate }) => (rows > 0 ? share(error_rate) : "–") },
              { title: "Health", cell: (model) => <HealthChip model={model} /> },
              { title: "Trained", roomy: true, cell: ({ trained_at }) => dayAndMinute(trained_at) },
            ]}
          />
        )}
      </Panel>
      <Panel
        title="Training runs"
        topic={runs}
        shape="rows"
        isEmpty={(found) => found.length === 0}
        empty={
          <Empty title="No training run yet">
            <span>What is trained with `hindcast train`, or by a program, is listed here with all its trials.</span>
          </Empty>
        }
      >
        {(found) => <Runs runs={found} />}
      </Panel>
    </div>
  );
}

function Answers({ model: { deployed } }: { model: Summary }) {
  if (deployed.length === 0) return <span class="muted">not deployed</span>;
  const all = deployed.reduce((sum, { weight, shadow }) => sum + (shadow ? 0 : weight), 0) || 1;
  return <>{deployed.map(({ name, number, version, weight, shadow }) => `${name} v${number ?? version} ${shadow ? "beside" : share(weight / all)}`).join(", ")}</>;
}

function HealthChip({ model: { degraded, drifted, deployed } }: { model: Summary }) {
  if (deployed.length === 0) return <span class="muted">–</span>;
  if (degraded) return <span class="chip crit">■ became worse</span>;
  if (drifted.length > 0) {
    return (
      <span class="chip warn" title={drifted.join(", ")}>
        ▲ inputs moved
      </span>
    );
  }
  return <span class="chip good">● well</span>;
}

export function Runs({ runs }: { runs: Experiment[] }) {
  return (
    <DataTable
      label="Training runs"
      rows={runs}
      rowKey={({ id }) => id}
      columns={[
        {
          title: "Run",
          wide: true,
          cell: ({ id, model }) => (
            <a class="cell-link" href={href(["experiments", id])}>
              {model || id}
            </a>
          ),
        },
        { title: "State", cell: ({ state, phase }) => (state === "running" && phase ? `running, ${phase}` : state) },
        { title: "Trials", numeric: true, cell: ({ tried, failed }) => (failed > 0 ? `${count(tried)}, ${count(failed)} failed` : count(tried)) },
        { title: "Best", numeric: true, cell: ({ score }) => scored(score) },
        { title: "Needed", numeric: true, roomy: true, cell: ({ threshold }) => scored(threshold) },
        { title: "Took", numeric: true, roomy: true, cell: ({ elapsed_s }) => (elapsed_s == null ? "–" : duration(elapsed_s)) },
        { title: "Began", roomy: true, cell: ({ started }) => dayAndMinute(started) },
      ]}
    />
  );
}
