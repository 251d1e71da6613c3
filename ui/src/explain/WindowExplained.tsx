import { get } from "../ask/request";
import { useAnswer } from "../ask/useAnswer";
import { between, countedBy } from "../behind";
import { unitOf } from "../definitions";
import { count, dayAndMinute, duration, figure, secondOfDay, secondsOf } from "../format";
import { asked as moment } from "../moment";
import { DataTable } from "../panel/DataTable";
import { written } from "../widgets/Metric";
import { Again, DefinedBy, Figure, Part, RowsBehind, type Defined, type Producer } from "./parts";
import type { OfWindow } from "./why";

type Revision = { revision: number; count: number; sum: number | null; mean: number | null; known: string };

type Told = {
  metric: string;
  key: string;
  from: string;
  to: string;
  figures: Record<string, number>;
  revision: number;
  definition: Defined;
  rows: { stream: string; sql: string; count: number; producers: Producer[] };
  again: { figures: Record<string, number | null>; equal: boolean };
  revisions: Revision[];
  late: { count: number; rows: { place: string; time: string; behind_s: number }[] };
};

/** Figures of sketches, which rows do not give again. */
const SKETCHED = ["p50", "p95", "p99", "distinct"];

function ask({ metric, key, start }: OfWindow): Promise<Told> {
  const { as_of } = moment();
  const at = start === undefined ? "" : new Date(start * 1_000).toISOString();
  return get<Told>("/v1/explain", { metric, key, start: at, ...(as_of ? { as_of } : {}) });
}

/** One window of a metric, as the server explains it. */
export function WindowExplained({ asked }: { asked: OfWindow }) {
  const answer = useAnswer(`why ${JSON.stringify(asked)}`, () => ask(asked));
  return (
    <Part answer={answer}>
      {(told) => (
        <>
          <Figures told={told} />
          <DefinedBy definition={told.definition} />
          <RowsBehind statement={told.rows.sql} total={told.rows.count} producers={told.rows.producers} page={countedBy(told.metric, told.key, between(secondsOf(told.from), secondsOf(told.to)))} />
          <Later told={told} />
        </>
      )}
    </Part>
  );
}

function Figures({ told }: { told: Told }) {
  const { metric, key, figures, again } = told;
  const unit = unitOf(metric);
  const text = (name: string, value: number) => (name === "count" || name === "distinct" ? figure(value) : written(value, unit, key));
  const exact = Object.keys(again.figures).filter((name) => name in figures);
  const sketched = SKETCHED.filter((name) => name in figures);
  const [main = "count"] = unit === "money" && "sum" in figures ? ["sum"] : exact.includes("mean") ? ["mean"] : ["count"];
  const [from, to] = [secondsOf(told.from), secondsOf(told.to)];
  return (
    <>
      <Figure value={text(main, figures[main] ?? 0)}>
        {main} of {metric}
        {key && `, ${key}`}, {dayAndMinute(from)} and {duration(to - from)} on
      </Figure>
      <dl class="why-figures">
        {[...exact, ...sketched].map((name) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{text(name, figures[name]!)}</dd>
          </div>
        ))}
      </dl>
      <Again equal={again.equal}>
        {again.equal
          ? `Counted again from its ${count(told.rows.count)} rows: the same`
          : `Counted again from its rows it is ${exact.map((name) => `${name} ${figure(again.figures[name] ?? 0)}`).join(", ")}`}
        {sketched.length > 0 && `. ${sketched.join(", ")} ${sketched.length === 1 ? "is" : "are"} of a sketch, right to about one in a hundred`}
      </Again>
    </>
  );
}

/** What became known afterwards: revisions of the window, and rows that were too late for it. */
function Later({ told }: { told: Told }) {
  const { revisions, late } = told;
  return (
    <>
      <h3>What was said of it over time</h3>
      <DataTable
        label="Revisions of the window"
        rows={revisions}
        rowKey={({ revision }) => revision}
        columns={[
          { title: "Known", wide: true, cell: ({ known }) => `${dayAndMinute(secondsOf(known))}:${secondOfDay(secondsOf(known)).slice(-2)}` },
          { title: "Revision", numeric: true, cell: ({ revision }) => count(revision) },
          { title: "Count", numeric: true, cell: (each) => count(each.count) },
          { title: "Sum", numeric: true, cell: ({ sum }) => (sum === null ? "–" : written(sum, unitOf(told.metric), told.key)) },
        ]}
      />
      <p class="muted">
        {late.count === 0
          ? "No row came too late for it."
          : `${count(late.count)} ${late.count === 1 ? "row" : "rows"} came too late, up to ${duration(Math.max(...late.rows.map(({ behind_s }) => behind_s)))} behind: it does not count them.`}
      </p>
    </>
  );
}
