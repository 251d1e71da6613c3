import type { Kind, Props } from "./kind";
import { MOST_ROWS } from "./Table";
import { TopicPanel } from "./TopicPanel";
import { fieldAt, inWords, sorted, type Row } from "./topicRows";
import { Linked, write } from "./writing";

/** The rows of any topic as lines: a name, what is said below it, and a figure. */
function List({ widget, title }: Props) {
  const { topic = "", options = {} } = widget;
  const { label, detail, value, format, unit, opens, sort, limit } = options;
  const of = ({ key, fields }: Row, way: string | undefined) => (way === undefined || way === "key" ? key : fieldAt(fields, way));
  return (
    <TopicPanel title={title} topic={topic} way={options.rows} shape="rows">
      {(rows) => (
        <ul class="lines-of" tabIndex={0} aria-label={title}>
          {sorted(rows, sort)
            .slice(0, limit ?? MOST_ROWS)
            .map((row) => (
              <li key={row.key}>
                <div>
                  <b>
                    <Linked name={write(of(row, label))} opens={opens} />
                  </b>
                  {detail !== undefined && <small>{write(of(row, detail))}</small>}
                </div>
                {value !== undefined && <span>{write(of(row, value), format, unit)}</span>}
              </li>
            ))}
        </ul>
      )}
    </TopicPanel>
  );
}

export const listKind: Kind = {
  type: "list",
  title: ({ topic, id }) => inWords(topic ?? id),
  reads: null,
  place: { w: 4, height: 302 },
  component: List,
};
