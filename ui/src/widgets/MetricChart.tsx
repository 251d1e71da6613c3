import { useMemo } from "preact/hooks";
import { trend, type Aggregate, type Bucket, type MetricAnswer } from "../ask/metrics";
import { Lines, type Line } from "../charts/Lines";
import { Explained } from "../explain/Number";
import { explain, type OfSpan } from "../explain/why";
import { dayAndMinute, minorUnits, secondOfDay } from "../format";
import { DataTable } from "../panel/DataTable";
import { comparison } from "../range";
import { shared } from "../shared/mode";
import { written } from "./Metric";

/** Lines in the chart: as many as there are colours that all can tell apart. */
const MOST_LINES = 6;

type Props = { name: string; found: MetricAnswer; /** How many buckets the answer was asked in. */ points: number; aggregate: Aggregate; unit: string | undefined; stacked?: boolean };

const startsOf = ({ from, bucket }: MetricAnswer, points: number) => Array.from({ length: points }, (_, i) => from + i * bucket);

/** A line for each of a metric's largest series; where there is one, what it is compared with beside it. A click says where a point comes from. */
export function MetricChart({ name, found, points, aggregate, unit, stacked }: Props) {
  const times = useMemo(() => startsOf(found, points), [found]);
  const lines = useMemo<Line[]>(() => {
    const shown = found.series.slice(0, MOST_LINES);
    const lines = shown.map(({ key, now }) => closedOnly(lineOf(key || "all", key, now, aggregate, unit, points), found.closed));
    const [only] = shown;
    if (!stacked && shown.length === 1 && only!.before.length > 0) {
      lines.push({ ...lineOf(comparison.value || "before", only!.key, only!.before, aggregate, unit, points), dashed: true });
    }
    return lines;
  }, [found, aggregate, unit, stacked]);
  const open = (start: number, line: number) => {
    const place = Math.round((start - found.from) / found.bucket);
    explain(whyOf({ name, found, aggregate }, line, place, lines[line]?.values[place] ?? null, unit));
  };
  return <Lines times={times} lines={lines} label={`${name} over time`} stacked={stacked} open={shared ? undefined : open} />;
}

/** Where the value of one bucket of a series comes from: `line` is the series, or what its only one is compared with. */
function whyOf({ name, found, aggregate }: Pick<Props, "name" | "found" | "aggregate">, line: number, place: number, drawn: number | null, unit: string | undefined): OfSpan {
  const before = line >= found.series.length;
  const series = found.series[before ? 0 : line]!;
  const from = found.from + place * found.bucket - (before ? found.back : 0);
  const value = drawn === null ? null : drawn * (unit === "money" ? minorUnits(series.key) : 1);
  return { metric: name, key: series.key, from, to: from + found.bucket, aggregate, value };
}

/** A bucket that still waits for windows to close is no part of a line, which would dive to it. */
const closedOnly = (line: Line, closed: number): Line => ({
  ...line,
  values: line.values.map((value, i) => (i < closed ? value : null)),
});

/** Amounts are drawn in whole units, so that currencies with other minor units stand on one scale. */
function lineOf(name: string, key: string, buckets: Bucket[], aggregate: Aggregate, unit: string | undefined, points: number): Line {
  const size = unit === "money" ? minorUnits(key) : 1;
  const values = trend(buckets, aggregate, points).map((value) => (value === null ? null : value / size));
  return { name, values, write: (value) => written(value * size, unit, key) };
}

/** The chart's values as rows, newest first. */
export function MetricTable({ name, found, points, aggregate, unit }: Props) {
  const shown = found.series.slice(0, MOST_LINES).map(({ key, now }) => ({ key, values: trend(now, aggregate, points) }));
  const rows = startsOf(found, points).slice(0, found.closed).map((start, i) => ({ start, i })).reverse();
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
          cell: ({ start, i }: { start: number; i: number }) => (
            <Explained why={{ metric: name, key, from: start, to: start + found.bucket, aggregate, value: values[i] ?? null }}>
              {written(values[i] ?? null, unit, key)}
            </Explained>
          ),
        })),
      ]}
    />
  );
}
