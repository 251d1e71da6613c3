import { count, dayAndMinute, figure } from "../format";
import { DataTable } from "../panel/DataTable";
import { Bars } from "../widgets/Bars";
import { scored, share } from "./ModelsPage";
import { accuracyOf, driftOf, importanceOf, type Calibrated, type Health, type Version } from "./registry";

/** How a version fares: what it was asked, how its inputs moved, how right it was, and what it looks at. */
export function HealthOf({ version, health }: { version: Version; health: Health | undefined }) {
  const drift = driftOf(health).at(-1);
  const right = accuracyOf(health).at(-1);
  const weighed = importanceOf(version).slice(0, 12);
  return (
    <div class="health-of" tabIndex={0} role="region" aria-label={`Health of version ${version.number}`}>
      <dl class="model-facts">
        <Fact title="Asked">{health ? count(health.rows) : "not yet"}</Fact>
        <Fact title="Errors">{health && health.rows > 0 ? share(health.error_rate) : "–"}</Fact>
        <Fact title="Time to answer">{latency(health)}</Fact>
        <Fact title={`On unseen rows, ${version.metric}`}>{scored(version.score)}</Fact>
        <Fact title="On what came true">{right ? `${scored(right.score)}${right.low != null && right.high != null ? ` (${scored(right.low)} to ${scored(right.high)})` : ""}` : "no outcome is known yet"}</Fact>
      </dl>
      {drift && (
        <section>
          <h3>
            Inputs against the training rows <small>the newest {count(drift.rows)} rows, {dayAndMinute(drift.at)}</small>
          </h3>
          <DataTable
            label="Inputs against the training rows"
            rows={Object.entries(drift.columns).sort(([, a], [, b]) => b.distance - a.distance)}
            rowKey={([name]) => name}
            columns={[
              { title: "Input", wide: true, cell: ([name]) => name },
              { title: "Distance", numeric: true, cell: ([, { distance }]) => scored(distance) },
              { title: "p", numeric: true, cell: ([, { p }]) => (p === null ? "–" : p < 0.0001 ? "< 0.0001" : figure(p)) },
              { title: "", cell: ([name]) => (drift.drifted.includes(name) ? <span class="chip warn">▲ moved</span> : <span class="chip calm">as it was</span>) },
            ]}
          />
        </section>
      )}
      {right?.calibration && right.calibration.length > 0 && (
        <section>
          <h3>
            Calibration <small>what was said, and what came, by groups of as many rows</small>
          </h3>
          <Calibration groups={right.calibration} />
        </section>
      )}
      {right?.slices && right.slices.length > 0 && (
        <section>
          <h3>Where it is right</h3>
          <Bars title="Score by group" bars={right.slices.filter(({ score }) => score !== null).map(({ slice, rows, score }) => ({ name: `${slice}, ${count(rows)} rows`, value: score!, text: scored(score) }))} />
        </section>
      )}
      {weighed.length > 0 && (
        <section>
          <h3>
            What it looks at <small>importance; it is no statement about causes</small>
          </h3>
          <Bars title="Importance" bars={weighed.map(({ name, value }) => ({ name, value, text: scored(value) }))} />
        </section>
      )}
    </div>
  );
}

function latency(health: Health | undefined): string {
  const said = Object.entries(health?.latency_ms ?? {}).filter((entry): entry is [string, number] => typeof entry[1] === "number");
  return said.length > 0 ? said.map(([name, ms]) => `p${Math.round(Number(name) * 100)} ${figure(ms)}\u202fms`).join(", ") : "–";
}

function Fact({ title, children }: { title: string; children: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{title}</dt>
      <dd>{children}</dd>
    </div>
  );
}

const SIZE = 180;

/** Points on the diagonal say what came; above it more came than was said. */
function Calibration({ groups }: { groups: Calibrated[] }) {
  const at = (share: number) => (share * SIZE).toFixed(1);
  const path = groups.map(({ predicted, observed }, i) => `${i === 0 ? "M" : "L"} ${at(predicted)} ${at(1 - observed)}`).join(" ");
  const says = groups.map(({ predicted, observed, rows }) => `said ${share(predicted)}, came ${share(observed)} of ${count(rows)}`).join("; ");
  return (
    <svg class="calibration" viewBox={`-24 -6 ${SIZE + 34} ${SIZE + 26}`} role="img" aria-label={`Calibration: ${says}`}>
      <path class="frame-line" d={`M 0 0 V ${SIZE} H ${SIZE}`} />
      <path class="ideal" d={`M 0 ${SIZE} L ${SIZE} 0`} />
      <path class="real" d={path} />
      {groups.map(({ predicted, observed }, i) => (
        <circle key={i} cx={at(predicted)} cy={at(1 - observed)} r="3.5" />
      ))}
      <text x={SIZE / 2} y={SIZE + 15} text-anchor="middle">
        said
      </text>
      <text x={-8} y={SIZE / 2} text-anchor="end">
        came
      </text>
    </svg>
  );
}
