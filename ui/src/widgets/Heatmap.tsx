import { widgetWeek } from "../ask/widget";
import { useAnswer } from "../ask/useAnswer";
import { figureOf, unitOf, type WidgetOptions } from "../definitions";
import { figure } from "../format";
import { NoSamples } from "../panel/NoSamples";
import { Panel } from "../panel/Panel";
import { keyOf, useAround, useRange } from "./context";
import { HeatMap, HeatTable } from "./Heat";
import { clampAt, stepOf } from "./heatScale";
import type { Kind, Props } from "./kind";
import { written } from "./Metric";
import { named, RowsTable } from "./Table";
import { SourcePanel } from "./TopicPanel";
import { fieldAt, fieldNames, isNumber, NotThere, type Row } from "./topicRows";
import { write } from "./writing";

const REFRESH_MS = 60_000;
const MOST = 60;

/** A colour for each pair of names of a query, or for each hour of the week of a metric. */
function Heatmap(props: Props) {
  return props.widget.metric ? <OfMetric {...props} metric={props.widget.metric} /> : <OfQuery {...props} />;
}

function OfMetric({ widget, title, metric }: Props & { metric: string }) {
  const { dashboard, filters } = useAround();
  const range = useRange();
  const aggregate = widget.options?.aggregate ?? figureOf(metric);
  const unit = aggregate === "count" ? undefined : (widget.options?.unit ?? unitOf(metric));
  const answer = useAnswer(
    `${metric} week ${aggregate} ${range.key} ${keyOf(filters)}`,
    () => widgetWeek({ dashboard, widget: widget.id, filters }, metric, range, aggregate),
    range.span ? REFRESH_MS : 0,
  );
  const said = (value: number) => (unit === "money" ? figure(value) : written(value, unit, ""));
  return (
    <Panel
      title={title}
      topic={answer}
      shape="grid"
      note={`${aggregate}, ${range.label}`}
      isEmpty={(counts) => Object.keys(counts).length === 0}
      empty={<NoSamples metric={metric} />}
      table={(counts) => <HeatTable counts={counts} />}
    >
      {(counts) => <HeatMap counts={counts} what={metric} write={said} />}
    </Panel>
  );
}

function OfQuery({ widget, title }: Props) {
  return (
    <SourcePanel title={title} widget={widget} shape="grid" table={(rows) => <RowsTable title={title} rows={rows} options={{}} />}>
      {(rows, options) => <Matrix title={title} {...cellsOf(rows, options)} options={options} />}
    </SourcePanel>
  );
}

type Cells = { across: string[]; down: string[]; values: Map<string, number> };

const nameOf = (value: unknown) => (value === null || value === undefined || value === "" ? "none" : String(value));

/** Throws `NotThere` where the rows have no names, or no number. */
function cellsOf(rows: Row[], { x = "", label = "", value = "" }: WidgetOptions): Cells {
  const has = fieldNames(rows).join(", ");
  for (const [option, field] of [["x", x], ["label", label], ["value", value]] as const) {
    if (!rows.some(({ fields }) => fieldAt(fields, field) !== undefined)) throw new NotThere(`A heat map needs ${option}, a field of the rows; they have ${has}`);
  }
  const values = new Map<string, number>();
  const [across, down] = [new Set<string>(), new Set<string>()];
  for (const { fields } of rows) {
    const [column, row, found] = [nameOf(fieldAt(fields, x)), nameOf(fieldAt(fields, label)), fieldAt(fields, value)];
    across.add(column), down.add(row);
    if (isNumber(found)) values.set(`${row}\n${column}`, (values.get(`${row}\n${column}`) ?? 0) + found);
  }
  const inOrder = (names: Set<string>) => [...names].sort((a, b) => a.localeCompare(b, "en", { numeric: true })).slice(0, MOST);
  return { across: inOrder(across), down: inOrder(down), values };
}

function Matrix({ title, across, down, values, options }: Cells & { title: string; options: WidgetOptions }) {
  const clamp = clampAt([...values.values()]);
  return (
    <div class="table" tabIndex={0} role="region" aria-label={title}>
      <table class="matrix">
        <thead>
          <tr>
            <th scope="col" />
            {across.map((name) => (
              <th key={name} scope="col" class="numeric">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {down.map((row) => (
            <tr key={row}>
              <th scope="row">{row}</th>
              {across.map((column) => {
                const value = values.get(`${row}\n${column}`);
                return (
                  <td key={column} class={`numeric cell-${stepOf(value ?? 0, clamp)}`}>
                    {value === undefined ? "–" : write(value, options.format, options.unit)}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export const heatmapKind: Kind = { type: "heatmap", title: named, reads: null, place: { w: 6, height: 302 }, component: Heatmap };
