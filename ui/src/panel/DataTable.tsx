import type { ComponentChildren } from "preact";

export type Column<Row> = {
  title: string;
  cell: (row: Row) => ComponentChildren;
  numeric?: boolean;
  /** Takes the width that is left, and is cut short rather than wrapped. */
  wide?: boolean;
  /** Left out where there is little room: it repeats what the row's own page says. */
  roomy?: boolean;
};

type Props<Row> = { label: string; columns: Column<Row>[]; rows: Row[]; rowKey: (row: Row) => string | number };

/** Rows that scroll within their panel. The first column heads its row. */
export function DataTable<Row>({ label, columns, rows, rowKey }: Props<Row>) {
  const style = (column: Column<Row>) => [column.numeric && "numeric", column.wide && "wide", column.roomy && "roomy"].filter(Boolean).join(" ");
  return (
    <div class="table" tabIndex={0} role="region" aria-label={label}>
      <table>
        <thead>
          <tr>
            {columns.map((column, i) => (
              <th key={i} scope="col" class={style(column)}>
                {column.title || <span class="unseen">What can be done</span>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={rowKey(row)}>
              {columns.map((column, i) =>
                i === 0 ? (
                  <th key={i} scope="row" class={style(column)}>
                    {column.cell(row)}
                  </th>
                ) : (
                  <td key={i} class={style(column)}>
                    {column.cell(row)}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
