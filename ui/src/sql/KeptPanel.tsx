import { useState } from "preact/hooks";
import { count, dayAndMinute, duration } from "../format";
import { href } from "../router";
import { Choice } from "../widgets/Choice";
import { forgetAll, history, savedQueries } from "./kept";
import type { TableInfo } from "./tables";

type Props = {
  known: readonly TableInfo[];
  /** Puts a statement into the editor and runs it. */
  open: (sql: string) => void;
  /** Puts it there only. */
  write: (sql: string) => void;
};

const SHOWN = ["tables", "saved", "history"] as const;

/** What a reader starts from: the tables and their columns, queries that are kept, and what was run here before. */
export function Kept({ known, open, write }: Props) {
  const [shown, setShown] = useState<(typeof SHOWN)[number]>("tables");
  return (
    <section class="panel sql-kept" aria-label="Tables, saved queries and history">
      <header>
        <Choice label="Shown here" choices={SHOWN} chosen={shown} text={(each) => each[0]!.toUpperCase() + each.slice(1)} choose={setShown} />
        <span class="spring" />
        {shown === "history" && history.value.length > 0 && (
          <button type="button" class="button small" onClick={forgetAll}>
            Forget
          </button>
        )}
      </header>
      <div class="sql-list" tabIndex={0} role="region" aria-label={shown}>
        {shown === "tables" && <Tables known={known} write={write} />}
        {shown === "saved" && <Saved />}
        {shown === "history" && <History open={open} />}
      </div>
    </section>
  );
}

function Tables({ known, write }: Pick<Props, "known" | "write">) {
  return (
    <>
      {known.map(({ name, about, rows, columns }) => (
        <details key={name}>
          <summary>
            <b>{name}</b>
            <small>{count(rows)}</small>
          </summary>
          <p>{about}</p>
          <p class="names">{columns.join(", ")}</p>
          <button type="button" class="button small" onClick={() => write(`SELECT *\nFROM ${name}\nLIMIT 100`)}>
            Select from it
          </button>
        </details>
      ))}
    </>
  );
}

function Saved() {
  if (savedQueries.value.length === 0) return <p class="muted">No query is kept yet. Write one and choose Save.</p>;
  return (
    <ul>
      {savedQueries.value.map(({ name, spec }) => (
        <li key={name}>
          <a class="cell-link" href={href(["sql", name])}>
            <b>{name}</b>
            <small>{spec.about || spec.sql}</small>
          </a>
          <a class="button small" href={href(["definitions", "query", name])} title="Its versions, and removing it">
            Versions
          </a>
        </li>
      ))}
    </ul>
  );
}

function History({ open }: Pick<Props, "open">) {
  if (history.value.length === 0) return <p class="muted">What you run is listed here, in this browser only.</p>;
  return (
    <ul>
      {history.value.map(({ sql, at, rows, ms }) => (
        <li key={sql}>
          <button type="button" class="plain" title={sql} onClick={() => open(sql)}>
            <code>{sql.replaceAll(/\s+/g, " ")}</code>
            <small>
              {dayAndMinute(at)}, {rows === null ? "refused" : `${count(rows)} rows`}, {ms < 1_000 ? `${ms} ms` : duration(ms / 1_000)}
            </small>
          </button>
        </li>
      ))}
    </ul>
  );
}
