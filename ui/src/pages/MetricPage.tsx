import { askMetric, total, type Aggregate, type MetricAnswer } from "../ask/metrics";
import { useAnswer } from "../ask/useAnswer";
import { countedBy } from "../behind";
import { figureOf, unitOf } from "../definitions";
import { Explained } from "../explain/Number";
import { duration } from "../format";
import { DataTable } from "../panel/DataTable";
import { NoSamples } from "../panel/NoSamples";
import { Panel } from "../panel/Panel";
import { range, versus } from "../range";
import { address, go, hrefHere } from "../router";
import { Choice } from "../widgets/Choice";
import { Change } from "../widgets/Measure";
import { written } from "../widgets/Metric";
import { REFRESH_MS } from "../widgets/useMetric";
import { MetricChart, MetricTable } from "../widgets/MetricChart";
import { inWords } from "../widgets/topicRows";
import type { Captured } from "./routes";

const POINTS = 60;
const aggregates: Aggregate[] = ["count", "sum", "mean", "min", "max", "distinct"];

const spanOf = ({ from, to }: MetricAnswer) => ({ from, to });

/** One metric over the range: a line for each of its largest series, and all of them as a table. */
export function MetricPage({ captured }: { captured: Captured }) {
  const name = captured.name ?? "";
  const { params } = address.value;
  const wanted = params.get("aggregate") as Aggregate;
  const aggregate = aggregates.includes(wanted) ? wanted : figureOf(name);
  // A count is a number of events, whatever its rows are worth.
  const unit = aggregate === "count" || aggregate === "distinct" ? undefined : (params.get("unit") ?? unitOf(name));
  const behind = countedBy(name);
  const [chosen, compared] = [range.value, versus.value];
  const answer = useAnswer(
    `${name} ${chosen.key} ${compared}`,
    () => askMetric(name, chosen, compared, POINTS),
    chosen.span ? REFRESH_MS : 0,
  );
  const empty = <NoSamples metric={name} />;
  return (
    <>
      <div class="row stretch" style={{ "--columns": 1, "--height": "360px", "--grow": 360 }}>
        <div class="cell" data-span="8">
          <Panel
            title={`${inWords(aggregate)} over time`}
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
                <a class="button small" href={behind.link} title={behind.says}>
                  {behind.says.startsWith("The events") ? "Events" : "Rows"}
                </a>
              </>
            }
            isEmpty={({ series }) => series.length === 0}
            empty={empty}
            table={(found) => <MetricTable name={name} found={found} points={POINTS} aggregate={aggregate} unit={unit} />}
          >
            {(found) => <MetricChart name={name} found={found} points={POINTS} aggregate={aggregate} unit={unit} />}
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
                  {
                    title: "Series",
                    wide: true,
                    cell: ({ key }) => (
                      <a class="cell-link" href={countedBy(name, key).link} title={countedBy(name, key).says}>
                        {key || "all"}
                      </a>
                    ),
                  },
                  {
                    title: chosen.label,
                    numeric: true,
                    cell: ({ key, now }) => {
                      const value = total(now, aggregate);
                      return <Explained why={{ metric: name, key, ...spanOf(answer.data.value!), aggregate, value }}>{written(value, unit, key)}</Explained>;
                    },
                  },
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
