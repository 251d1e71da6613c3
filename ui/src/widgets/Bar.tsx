import { POINTS, total } from "../ask/metrics";
import { countedBy } from "../behind";
import type { WidgetOptions } from "../definitions";
import { DataTable } from "../panel/DataTable";
import { NoSamples } from "../panel/NoSamples";
import { Panel } from "../panel/Panel";
import { href } from "../router";
import { shared } from "../shared/mode";
import { Bars, type BarShown } from "./Bars";
import type { Kind, Props } from "./kind";
import { written } from "./Metric";
import { named, RowsTable } from "./Table";
import { SourcePanel } from "./TopicPanel";
import { useMetric } from "./useMetric";
import { fieldAt, fieldNames, inWords, isNumber, NotThere, sorted, type Row } from "./topicRows";
import { write } from "./writing";

const MOST_BARS = 12;

/** A bar for each row of a topic, or for each series of a metric over the range. */
function Bar(props: Props) {
  return props.widget.metric ? <OfMetric {...props} metric={props.widget.metric} /> : <OfSource {...props} />;
}

function OfSource({ widget, title }: Props) {
  const bars = (rows: Row[], options: WidgetOptions): BarShown[] => {
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
    <SourcePanel
      title={title}
      widget={widget}
      shape="rows"
      table={(rows, options) => <RowsTable title={title} rows={rows} options={{ sort: options.sort ?? `-${options.value}` }} />}
    >
      {(rows, options) => <Bars title={title} bars={bars(rows, options)} />}
    </SourcePanel>
  );
}

function OfMetric({ widget, title, metric }: Props & { metric: string }) {
  const { options = {} } = widget;
  const { answer, aggregate, unit, range: chosen } = useMetric(widget, metric, POINTS);
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
        !shared && <a class="button small" href={href(["metrics", metric], { aggregate, unit: options.unit })} title={`${metric}, over time`}>
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
  title: named,
  reads: null,
  place: { w: 4, height: 302 },
  component: Bar,
};
