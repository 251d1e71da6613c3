import { useMemo } from "preact/hooks";
import { askMetric, total, trend, type Aggregate, type Bucket, type MetricAnswer } from "../ask/metrics";
import { useAnswer } from "../ask/useAnswer";
import { Lines, type Line } from "../charts/Lines";
import { dayAndMinute, duration, minorUnits, secondOfDay } from "../format";
import { DataTable } from "../panel/DataTable";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import { range, versus } from "../range";
import { address, go, href, hrefHere } from "../router";
import { Choice } from "../widgets/Choice";
import { Change } from "../widgets/Measure";
import { REFRESH_MS, written } from "../widgets/Metric";
import type { Captured } from "./routes";

const POINTS = 60;
/** Lines in the chart: as many as there are colours that all can tell apart. */
const MOST_LINES = 6;
const aggregates: Aggregate[] = ["count", "sum", "mean", "min", "max", "distinct"];

/** One metric over the range: a line for each of its largest series, and all of them as a table. */
export function MetricPage({ captured }: { captured: Captured }) {
  const name = captured.name ?? "";
  const { params } = address.value;
  const wanted = params.get("aggregate") as Aggregate;
  const aggregate = aggregates.includes(wanted) ? wanted : "count";
  // A count is a number of events, whatever its rows are worth.
  const unit = aggregate === "count" || aggregate === "distinct" ? undefined : (params.get("unit") ?? undefined);
  const [chosen, compared] = [range.value, versus.value];
  const answer = useAnswer(
    `${name} ${chosen.key} ${compared}`,
    () => askMetric(name, chosen, compared, POINTS),
    chosen.span ? REFRESH_MS : 0,
  );
  const empty = (
    <Empty title="No samples in this range">
      <span>A window is sampled when it closes, a minute or so after its end. Choose a longer range in the top bar.</span>
    </Empty>
  );
  return (
    <>
      <div class="row stretch" style={{ "--columns": 1, "--height": "360px", "--grow": 360 }}>
        <div class="cell" data-span="8">
          <Panel
            title={name}
            topic={answer}
            shape="line"
            note={answer.data.value && `per ${duration(answer.data.value.bucket)}`}
            tools={
              <>
                <Choice
                  label="Figure"
                  choices={aggregates}
                  chosen={aggregate}
                  text={String}
                  choose={(each) => go(hrefHere({ aggregate: each }), { replace: true })}
                />
                <a class="button small" href={href(["events"])}>
                  Events
                </a>
              </>
            }
            isEmpty={({ series }) => series.length === 0}
            empty={empty}
            table={(found) => <PointsTable found={found} aggregate={aggregate} unit={unit} />}
          >
            {(found) => <Chart name={name} found={found} aggregate={aggregate} unit={unit} />}
          </Panel>
        </div>
      </div>
      <div class="row stretch" style={{ "--columns": 1, "--height": "240px", "--grow": 200 }}>
        <div class="cell">
          <Panel title="By series" topic={answer} shape="rows" isEmpty={({ series }) => series.length === 0} empty={empty}>
            {({ series }) => (
              <DataTable
                label={`Series of ${name}`}
                rows={series}
                rowKey={({ key }) => key}
                columns={[
                  { title: "Series", wide: true, cell: ({ key }) => key || "all" },
                  { title: chosen.label, numeric: true, cell: ({ key, now }) => written(total(now, aggregate), unit, key) },
                  {
                    title: "Before",
                    numeric: true,
                    cell: ({ key, before }) => (before.length > 0 ? written(total(before, aggregate), unit, key) : "–"),
                  },
                  {
                    title: "Change",
                    numeric: true,
                    cell: ({ now, before }) => (
                      <Change now={total(now, aggregate) ?? 0} before={total(before, aggregate) ?? 0} better="higher" />
                    ),
                  },
                ]}
              />
            )}
          </Panel>
        </div>
      </div>
    </>
  );
}

type ShownProps = { found: MetricAnswer; aggregate: Aggregate; unit: string | undefined };

const startsOf = ({ from, bucket }: MetricAnswer) => Array.from({ length: POINTS }, (_, i) => from + i * bucket);

function Chart({ name, found, aggregate, unit }: ShownProps & { name: string }) {
  const times = useMemo(() => startsOf(found), [found]);
  const lines = useMemo<Line[]>(() => {
    const shown = found.series.slice(0, MOST_LINES);
    const lines = shown.map(({ key, now }) => lineOf(key || "all", key, now, aggregate, unit));
    const [only] = shown;
    if (shown.length === 1 && only!.before.length > 0) {
      lines.push({ ...lineOf("before", only!.key, only!.before, aggregate, unit), dashed: true });
    }
    return lines;
  }, [found, aggregate]);
  return <Lines times={times} lines={lines} label={`${name} over time`} />;
}

/** Amounts are drawn in whole units, so that currencies with other minor units stand on one scale. */
function lineOf(name: string, key: string, buckets: Bucket[], aggregate: Aggregate, unit: string | undefined): Line {
  const size = unit === "money" ? minorUnits(key) : 1;
  const values = trend(buckets, aggregate, POINTS).map((value) => (value === null ? null : value / size));
  return { name, values, write: (value) => written(value * size, unit, key) };
}

function PointsTable({ found, aggregate, unit }: ShownProps) {
  const shown = found.series.slice(0, MOST_LINES).map(({ key, now }) => ({ key, values: trend(now, aggregate, POINTS) }));
  const rows = startsOf(found).map((start, i) => ({ start, i })).reverse();
  const at = found.to - found.from > 86_400 ? dayAndMinute : secondOfDay;
  return (
    <DataTable
      label="Values, newest first"
      rows={rows}
      rowKey={({ start }) => start}
      columns={[
        { title: "From", cell: ({ start }) => at(start) },
        ...shown.map(({ key, values }) => ({
          title: key || "all",
          numeric: true,
          cell: ({ i }: { i: number }) => written(values[i] ?? null, unit, key),
        })),
      ]}
    />
  );
}
