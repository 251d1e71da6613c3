import type { ComponentChildren } from "preact";
import { sql } from "../ask/request";
import { useAnswer, type Answer } from "../ask/useAnswer";
import type { Behind } from "../behind";
import { count, dayAndMinute } from "../format";
import { DataTable } from "../panel/DataTable";
import { Failed } from "../panel/Failed";
import { columnsOf, keyOf, type Row } from "../panel/rowColumns";
import { Skeleton } from "../panel/Skeleton";
import { href } from "../router";

/** Rows that are shown; the page SQL has the others. */
const FIRST = 50;

/** A part of an explanation, once its answer is there. */
export function Part<T>({ answer, children }: { answer: Answer<T>; children: (found: T) => ComponentChildren }) {
  if (answer.problem.value) return <Failed problem={answer.problem.value} retry={answer.retry} />;
  if (answer.data.value === null) return <Skeleton shape="rows" title="where it comes from" />;
  return <>{children(answer.data.value)}</>;
}

/** The figure, in large type, and what it is of. */
export function Figure({ value, children }: { value: string; children: ComponentChildren }) {
  return (
    <p class="why-figure">
      <b>{value}</b>
      <span>{children}</span>
    </p>
  );
}

/** Whether what was counted again is what was shown. */
export function Again({ equal, children }: { equal: boolean; children: ComponentChildren }) {
  return (
    <p class={equal ? "again good" : "again warn"} role="status">
      <span aria-hidden="true">{equal ? "✓" : "≠"}</span> {children}
    </p>
  );
}

export type Defined = { kind: string; name: string; version: number; spec: Record<string, unknown>; by: string; at: string | number };

/** What defines the figure, as it was then, and who said it. */
export function DefinedBy({ definition }: { definition: Defined }) {
  const { kind, name, version, spec, by, at } = definition;
  const seconds = typeof at === "number" ? at : Date.parse(at) / 1_000;
  return (
    <>
      <h3>Definition</h3>
      <p>
        <a class="link" href={href(["definitions", kind, name])}>
          {kind} {name}
        </a>
        , version {count(version)}, {by ? `by ${by}` : "by the configuration"}, {dayAndMinute(seconds)}
      </p>
      <details>
        <summary>What it says</summary>
        <pre tabIndex={0}>{JSON.stringify(spec, null, 2)}</pre>
      </details>
    </>
  );
}

export type Producer = { producer: string; rows: number; first: number; last: number };

type RowsProps = { statement: string; total: number; producers: Producer[]; /** The page that has them, too. */ page?: Behind; /** The moment that they are asked at; none: the page's. */ as_of?: string };

/** The rows behind a figure: the first of them, their places in the log, and the question that lists them all. */
export function RowsBehind({ statement, total, producers, page, as_of }: RowsProps) {
  const answer = useAnswer(statement, async () => {
    const { columns, rows } = await sql(statement, FIRST, undefined, undefined, as_of);
    return rows.map((row): Row => Object.fromEntries(columns.map(({ name }, i) => [name, row[i]])));
  });
  return (
    <>
      <h3>
        {total === 1 ? "The row" : `The ${count(total)} rows`} behind it
        <a class="button small" href={href(["sql"], { q: statement })} title="The statement that lists exactly these rows">
          Open in SQL
        </a>
        {page && (
          <a class="button small" href={page.link} title={page.says}>
            {page.says.startsWith("The events") ? "Events" : "Rows"}
          </a>
        )}
      </h3>
      {total > 0 && (
        <Part answer={answer}>
          {(rows) => (
            <>
              <DataTable label="Rows behind the number" columns={columnsOf(rows)} rows={rows} rowKey={keyOf} />
              {total > rows.length && <p class="muted">The first {count(rows.length)}.</p>}
            </>
          )}
        </Part>
      )}
      {producers.length > 0 && (
        <>
          <h3>Where they stand in the log</h3>
          <ul class="places">
            {producers.map(({ producer, rows, first, last }) => (
              <li key={producer}>
                <code>{producer}</code>
                <span>
                  {count(rows)} {rows === 1 ? "row" : "rows"}, offset{first === last ? ` ${count(first)}` : `s ${count(first)} to ${count(last)}`}
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}
