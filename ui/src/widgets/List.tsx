import type { Kind, Props } from "./kind";
import { MOST_ROWS, named } from "./Table";
import { SourcePanel } from "./TopicPanel";
import { fieldAt, sorted, type Row } from "./topicRows";
import { Linked, write } from "./writing";

/** The rows of any topic as lines: a name, what is said below it, and a figure. */
function List({ widget, title }: Props) {
  const of = ({ key, fields }: Row, way: string | undefined) => (way === undefined || way === "key" ? key : fieldAt(fields, way));
  return (
    <SourcePanel title={title} widget={widget} shape="rows">
      {(rows, { label, detail, value, format, unit, opens, sort, limit }) => (
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
    </SourcePanel>
  );
}

export const listKind: Kind = {
  type: "list",
  title: named,
  reads: null,
  place: { w: 4, height: 302 },
  component: List,
};
