import { useMemo } from "preact/hooks";
import type { Result } from "../ask/request";
import type { Answer } from "../ask/useAnswer";
import { Lines } from "../charts/Lines";
import { Explained } from "../explain/Number";
import { count, dayAndMinute, figure } from "../format";
import { moment } from "../moment";
import { DataTable, type Column } from "../panel/DataTable";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import { address, go, hrefHere } from "../router";
import { Bars } from "../widgets/Bars";
import { Choice } from "../widgets/Choice";
import { downloadAs, FORMS } from "./download";
import { drawingOf } from "./drawing";

/** Rows that are put on the page; a download has all of the answer. */
const SHOWN = 1_000;

/** An answer as a table, as a drawing where its columns suggest one, and as a file. */
export function ResultPanel({ answer, statement, name }: { answer: Answer<Result>; statement: string; name: string }) {
  const found = answer.data.value;
  const drawing = useMemo(() => found && drawingOf(found), [found]);
  const drawn = drawing !== null && address.value.params.get("as") === "chart";
  return (
    <div class="fill">
      <Panel
        title="Result"
        topic={answer}
        shape="rows"
        note={found && [moment.value && `as ${moment.value.how === "as_of" ? "it was known" : "is known now of"} ${dayAndMinute(moment.value.at)}`, covered(found)].filter(Boolean).join(", ")}
        tools={
          found && (
            <>
              {drawing && (
                <Choice
                  label="Shown as"
                  choices={["table", "chart"] as const}
                  chosen={drawn ? "chart" : "table"}
                  text={String}
                  choose={(as) => go(hrefHere({ as: as === "chart" ? as : undefined }), { replace: true })}
                />
              )}
              {FORMS.map((form) => (
                <button
                  key={form}
                  type="button"
                  class="button small"
                  title={`All rows as a file of ${form}`}
                  onClick={() => void downloadAs(form, statement, found.as_of, name)}
                >
                  {form}
                </button>
              ))}
            </>
          )
        }
        isEmpty={({ rows }) => rows.length === 0}
        empty={
          <Empty title="No rows">
            <span>The statement is right, and nothing answers it. Look at its conditions and at its range of time.</span>
          </Empty>
        }
      >
        {(result) => (drawn && drawing ? <Drawn drawing={drawing} /> : <ResultTable result={result} statement={statement} />)}
      </Panel>
    </div>
  );
}

function covered({ rows, truncated, elapsed_ms }: Result): string {
  const took = `${figure(Math.round(elapsed_ms * 10) / 10)} ms`;
  const most = truncated ? `the first ${count(rows.length)} rows` : rows.length === 1 ? "1 row" : `${count(rows.length)} rows`;
  return `${most}${rows.length > SHOWN ? `, ${count(SHOWN)} shown` : ""}, ${took}`;
}

function Drawn({ drawing }: { drawing: NonNullable<ReturnType<typeof drawingOf>> }) {
  if (drawing.as === "bars") return <Bars title="Result" bars={drawing.bars.map((bar) => ({ ...bar, text: figure(bar.value) }))} />;
  const lines = drawing.lines.map((line) => ({ ...line, write: figure }));
  return <Lines label="Result" times={drawing.times} lines={lines} />;
}

type Row = { i: number; values: unknown[] };

/** A number says where it comes from when it is clicked. */
function ResultTable({ result, statement }: { result: Result; statement: string }) {
  const columns = result.columns.map(
    ({ name, type }, place): Column<Row> => ({
      title: name,
      numeric: result.rows.some((row) => typeof row[place] === "number"),
      cell: ({ i, values }) =>
        typeof values[place] === "number" ? (
          <Explained why={{ sql: statement, row: i, column: name, as_of: result.as_of }}>{written(values[place])}</Explained>
        ) : (
          <span class="long" title={type}>{written(values[place])}</span>
        ),
    }),
  );
  const rows = result.rows.slice(0, SHOWN).map((values, i) => ({ i, values }));
  return <DataTable label="Rows of the result" columns={columns} rows={rows} rowKey={({ i }) => i} />;
}

/** As the log has it: SQL's reader wants the value, not a rounding of it. */
function written(value: unknown): string {
  if (value === null || value === undefined) return "–";
  if (typeof value === "number") return Number.isInteger(value) ? count(value) : String(value).replace("-", "−");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
