import { total, type Bucket } from "../ask/metrics";
import { quoted, sql } from "../ask/request";
import { useAnswer } from "../ask/useAnswer";
import { between, countedBy } from "../behind";
import { definitionsTopic, metricNamed, unitOf } from "../definitions";
import { count, dayAndMinute, figure, secondOfDay } from "../format";
import { DataTable } from "../panel/DataTable";
import { href } from "../router";
import { written } from "../widgets/Metric";
import { Again, DefinedBy, Figure, Part } from "./parts";
import { Explained } from "./Number";
import type { OfSpan } from "./why";
import { WindowExplained } from "./WindowExplained";

/** Windows that are listed; all of them are added up. */
const SHOWN = 200;
const MOST = 10_000;

type Window = Bucket & { start: number; key: string; revision: number };

const columns = "epoch(start) AS start, coalesce(key, '') AS key, count, sum, min, max, distinct_count, revision";

const statementOf = ({ metric, key, from, to }: OfSpan) => `SELECT ${columns}
FROM metrics_latest
WHERE metric = ${quoted(metric)}${key === undefined ? "" : ` AND coalesce(key, '') = ${quoted(key)}`}
  AND epoch(start) >= ${from} AND epoch(start) < ${to}
ORDER BY start DESC, key`;

async function windowsOf(asked: OfSpan): Promise<{ windows: Window[]; truncated: boolean }> {
  const { rows, truncated } = await sql(statementOf(asked), MOST);
  const windows = (rows as [number, string, number, number | null, number | null, number | null, number | null, number][]).map(
    ([start, key, n, sum, min, max, distinct, revision]): Window => ({ start, key, revision, at: 0, count: n, sum: sum ?? 0, min, max, distinct }),
  );
  return { windows, truncated };
}

/** A value over several windows: which ones, and that they come to it. One window alone is explained by its rows. */
export function SpanExplained({ asked }: { asked: OfSpan }) {
  const answer = useAnswer(`why ${JSON.stringify(asked)}`, () => windowsOf(asked));
  return (
    <Part answer={answer}>
      {({ windows, truncated }) => {
        const [only] = windows;
        if (windows.length === 1) return <WindowExplained asked={{ metric: asked.metric, key: only!.key, start: only!.start }} />;
        return <Windows asked={asked} windows={windows} truncated={truncated} />;
      }}
    </Part>
  );
}

function Windows({ asked, windows, truncated }: { asked: OfSpan; windows: Window[]; truncated: boolean }) {
  const { metric, key, from, to, aggregate, value } = asked;
  const counts = aggregate === "count" || aggregate === "distinct";
  const unit = counts ? undefined : unitOf(metric);
  const text = (of: number | null, series: string) => (counts ? (of === null ? "–" : figure(of)) : written(of, unit, series));
  const again = total(windows, aggregate);
  const equal = same(value, windows.length === 0 && value === 0 ? 0 : again);
  const holding = metricNamed(metric)?.namedBy ? `{${metricNamed(metric)!.namedBy}}` : metric;
  const definition = definitionsTopic.data.value?.[`metric/${holding}`];
  const rows = countedBy(metric, key ?? "", between(from, to));
  return (
    <>
      <Figure value={text(value, key ?? "")}>
        {aggregate} of {metric}
        {key ? `, ${key}` : ""}, {dayAndMinute(from)} to {dayAndMinute(to)}
      </Figure>
      {truncated ? (
        <Again equal={false}>More than {count(MOST)} windows: take a shorter range to have them added up here</Again>
      ) : (
        <Again equal={equal}>
          {windows.length === 0
            ? "No window of it is in this span"
            : `${count(windows.length)} windows ${aggregate === "distinct" ? "have at most" : "come to"} ${text(again, key ?? "")}${equal ? "" : ": some have closed, or were revised, since it was shown"}`}
        </Again>
      )}
      {definition && <DefinedBy definition={definition} />}
      <h3>
        Its windows
        <a class="button small" href={href(["sql"], { q: statementOf(asked) })} title="The statement that lists them">
          Open in SQL
        </a>
        <a class="button small" href={rows.link}>
          {rows.says.startsWith("The events") ? "Events" : "Rows"}
        </a>
      </h3>
      {windows.length > 0 && (
        <DataTable
          label="Windows that the number is made of"
          rows={windows.slice(0, SHOWN)}
          rowKey={({ start, key }) => `${start} ${key}`}
          columns={[
            { title: "From", cell: ({ start }) => `${dayAndMinute(start)}:${secondOfDay(start).slice(-2)}` },
            { title: "Series", wide: true, cell: ({ key }) => key || "all" },
            {
              title: aggregate,
              numeric: true,
              cell: (each) => <Explained why={{ metric, key: each.key, start: each.start }}>{text(total([each], aggregate), each.key)}</Explained>,
            },
            ...(aggregate === "count" ? [] : [{ title: "Count", numeric: true, roomy: true, cell: (each: Window) => count(each.count) }]),
            { title: "Revision", numeric: true, roomy: true, cell: ({ revision }) => count(revision) },
          ]}
        />
      )}
      {windows.length > SHOWN && <p class="muted">The newest {count(SHOWN)} of {count(windows.length)}; each says which rows it counts.</p>}
    </>
  );
}

/** Sums of fractions depend on the order of their parts in their last bits. */
function same(one: number | null, other: number | null): boolean {
  if (one === null || other === null) return one === other;
  return one === other || Math.abs(one - other) <= 1e-9 * Math.max(Math.abs(one), Math.abs(other));
}
