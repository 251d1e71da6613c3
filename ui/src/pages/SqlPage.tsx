import { useEffect, useRef, useState } from "preact/hooks";
import { sql, type Result } from "../ask/request";
import { Answer, useAnswer } from "../ask/useAnswer";
import { definitionsTopic } from "../definitions";
import { moment } from "../moment";
import { address, go, href } from "../router";
import { Editor } from "../sql/Editor";
import { draft, keepDraft, remember, savedQueries } from "../sql/kept";
import { Kept } from "../sql/KeptPanel";
import { ResultPanel } from "../sql/ResultPanel";
import { SaveQuery } from "../sql/SaveQuery";
import { tables } from "../sql/tables";
import type { Captured } from "./routes";

/** Rows of an answer; the server's own limit is as high. */
const MOST_ROWS = 10_000;

/**
 * SQL over the streams. `#/sql/NAME` opens a query that is kept and runs it, for its rows are what was asked for; `#/sql?q=…` only puts
 * the statement there: nobody's link runs something by itself.
 */
export function SqlPage({ captured }: { captured: Captured }) {
  const { name } = captured;
  const linked = address.value.params.get("q");
  const kept = savedQueries.value.find((each) => each.name === name);
  const known = useAnswer("tables", tables).data.value ?? [];
  const [text, setText] = useState(linked ?? draft());
  const [answer, setAnswer] = useState<Answer<Result> | null>(null);
  const [running, setRunning] = useState<AbortController | null>(null);
  const ran = useRef("");
  const left = useRef(false);
  useEffect(() => () => void (left.current = true), []);
  useEffect(() => () => running?.abort(), [running]);

  function write(statement: string) {
    setText(statement);
    keepDraft(statement);
  }

  function run(statement: string) {
    if (!statement.trim()) return;
    ran.current = statement;
    const giveUp = new AbortController();
    const began = performance.now();
    const said = (rows: number | null) => remember({ sql: statement, at: Date.now() / 1_000, rows, ms: Math.round(performance.now() - began) });
    const ask = async () => {
      try {
        const result = await sql(statement, MOST_ROWS, giveUp.signal);
        said(result.rows.length);
        return result;
      } catch (error) {
        if (!giveUp.signal.aborted) said(null);
        throw error;
      } finally {
        if (!left.current) setRunning((now) => (now === giveUp ? null : now));
      }
    };
    const next = new Answer<Result>("sql", ask, 0);
    setRunning(giveUp);
    setAnswer(next);
    void next.ask();
  }

  function open(statement: string) {
    write(statement);
    run(statement);
  }

  // What stands there is an answer of the moment that the page showed: of another one it is asked again.
  useEffect(() => {
    if (ran.current) run(ran.current);
  }, [moment.value?.key]);
  useEffect(() => {
    if (linked !== null) write(linked);
  }, [linked]);
  useEffect(() => {
    if (kept) open(kept.spec.sql);
  }, [kept?.version]);

  const unknown = name !== undefined && !kept && definitionsTopic.data.value !== null;
  return (
    <>
      {unknown && (
        <section class="strip-note" aria-label="No such query">
          <span>No query is called {name}: it was removed, or the link is misspelt.</span>
          <a class="button small" href={href(["sql"])}>
            New query
          </a>
        </section>
      )}
      <div class="sql-page">
        <section class="panel sql-panel" aria-label="Statement">
          <Editor text={text} known={known} change={write} run={() => run(text)} />
          <div class="sql-tools">
            {running ? (
              <button type="button" class="button" onClick={() => running.abort()}>
                Stop
              </button>
            ) : (
              <button type="button" class="button primary" disabled={!text.trim()} onClick={() => run(text)}>
                Run <kbd>Ctrl ↵</kbd>
              </button>
            )}
            {moment.value === null && <SaveQuery sql={text} kept={kept} saved={(saved) => go(href(["sql", saved]))} />}
            <span class="spring" />
            <a class="button" href={href(["sql"], { q: text || undefined })} title="This statement as an address, to send to somebody">
              Link
            </a>
          </div>
        </section>
        <Kept known={known} open={open} write={write} />
      </div>
      {answer && <ResultPanel answer={answer} statement={ran.current} name={name ?? "result"} />}
    </>
  );
}
