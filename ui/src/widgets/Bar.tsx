import { askMetric, total, type Aggregate } from "../ask/metrics";
import { useAnswer } from "../ask/useAnswer";
import { countedBy } from "../behind";
import { figureOf, unitOf } from "../definitions";
import { DataTable } from "../panel/DataTable";
import { NoSamples } from "../panel/NoSamples";
import { Panel } from "../panel/Panel";
import { range, versus } from "../range";
import { href } from "../router";
import { Bars, type BarShown } from "./Bars";
import type { Kind, Props } from "./kind";
import { REFRESH_MS, written } from "./Metric";
import { RowsTable } from "./Table";
import { TopicPanel } from "./TopicPanel";
import { fieldAt, fieldNames, inWords, isNumber, NotThere, sorted, type Row } from "./topicRows";
import { write } from "./writing";

const MOST_BARS = 12;

/** A bar for each row of a topic, or for each series of a metric over the range. */
function Bar(props: Props) {
  return props.widget.metric ? <OfMetric {...props} metric={props.widget.metric} /> : <OfTopic {...props} />;
}

function OfTopic({ widget, title }: Props) {
  const { topic = "", options = {} } = widget;
  const bars = (rows: Row[]): BarShown[] => {
    const { label, value = "value", format, unit, opens, sort = `-${value}`, limit = MOST_BARS } = options;
    const known = rows.filter(({ fields }) => isNumber(fieldAt(fields, value)));
    if (known.length === 0) throw new NotThere(`No row has a number at “${value}”; rows have ${fieldNames(rows).join(", ")}`);
    return sorted(known, sort)
      .slice(0, limit)
      .map(({ key, fields }) => {
        const figure = fieldAt(fields, value) as number;
        const name = label === undefined || label === "key" ? key : write(fieldAt(fields, label));
        return { name, value: figure, text: write(figure, format, unit), opens };
      });
  };
  return (
    <TopicPanel
      title={title}
      topic={topic}
      way={options.rows}
      shape="rows"
      table={(rows) => <RowsTable title={title} rows={rows} options={{ sort: options.sort ?? `-${options.value}` }} />}
    >
      {(rows) => <Bars title={title} bars={bars(rows)} />}
    </TopicPanel>
  );
}

function OfMetric({ widget, title, metric }: Props & { metric: string }) {
  const [chosen, compared] = [range.value, versus.value];
  const { options = {} } = widget;
  const answer = useAnswer(
    `${metric} ${chosen.key} ${compared}`,
    () => askMetric(metric, chosen, compared),
    chosen.span ? REFRESH_MS : 0,
  );
  const aggregate = (options.aggregate ?? figureOf(metric)) as Aggregate;
  const unit = aggregate === "count" || aggregate === "distinct" ? undefined : (options.unit ?? unitOf(metric));
  const { from = 0, to = 0, series = [] } = answer.data.value ?? {};
  const bars = series
    .map(({ key, now }): BarShown => {
      const value = total(now, aggregate) ?? 0;
      return { name: key || "all", value, text: written(value, unit, key), link: countedBy(metric, key).link, why: { metric, key, from, to, aggregate, value } };
    })
    .filter(({ value }) => value !== 0)
    .sort((a, b) => b.value - a.value)
    .slice(0, options.limit ?? MOST_BARS);
  return (
    <Panel
      title={title}
      topic={answer}
      shape="rows"
      note={chosen.label}
      tools={
        <a class="button small" href={href(["metrics", metric], { aggregate, unit: options.unit })} title={`${metric}, over time`}>
          Over time
        </a>
      }
      isEmpty={() => bars.length === 0}
      empty={<NoSamples metric={metric} />}
      table={() => (
        <DataTable
          label={`Rows of ${title}`}
          rows={bars}
          rowKey={({ name }) => name}
          columns={[
            { title: "Series", wide: true, cell: ({ name }) => name },
            { title: inWords(aggregate), numeric: true, cell: ({ text }) => text },
          ]}
        />
      )}
    >
      {() => <Bars title={title} bars={bars} />}
    </Panel>
  );
}

export const barKind: Kind = {
  type: "bar",
  title: ({ topic, metric, id }) => inWords(topic ?? metric ?? id),
  reads: null,
  place: { w: 4, height: 302 },
  component: Bar,
};
