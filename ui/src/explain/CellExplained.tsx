import { explainCell } from "../ask/request";
import { useAnswer } from "../ask/useAnswer";
import { count, figure } from "../format";
import { Again, Figure, Part, RowsBehind } from "./parts";
import type { OfCell } from "./why";

export type CellTold = {
  value: unknown;
  as_of: string;
  /** How far each stream was read: the next offset of each producer. */
  cut: Record<string, Record<string, number>>;
  rows: { sql: string; count: number } | null;
  again: { value: unknown; equal: boolean } | null;
  /** Why the rows cannot be told. */
  untold: string | null;
};

/** A cell of the answer to a statement, as the server explains it. */
export function CellExplained({ asked }: { asked: OfCell }) {
  const answer = useAnswer(`why ${JSON.stringify(asked)}`, () => explainCell<CellTold>(asked));
  return (
    <Part answer={answer}>
      {(told) => (
        <>
          <Figure value={said(told.value)}>
            {asked.column}, in row {count(asked.row + 1)} of the answer
          </Figure>
          {told.again && (
            <Again equal={told.again.equal}>
              {told.again.equal ? `Counted again from its ${count(told.rows?.count ?? 0)} rows: the same` : `Counted again from its rows it is ${said(told.again.value)}`}
            </Again>
          )}
          <h3>Statement</h3>
          <pre tabIndex={0}>{asked.sql}</pre>
          {told.rows ? (
            <RowsBehind statement={told.rows.sql} total={told.rows.count} producers={[]} as_of={told.as_of} />
          ) : (
            <p class="muted">Its rows cannot be told: {told.untold}.</p>
          )}
          <h3>How far the log was read</h3>
          <ul class="places">
            {Object.entries(told.cut).flatMap(([stream, ends]) =>
              Object.entries(ends).map(([producer, end]) => (
                <li key={`${stream} ${producer}`}>
                  <code>{stream}</code>
                  <span>
                    {producer}, below offset {count(end)}
                  </span>
                </li>
              )),
            )}
          </ul>
        </>
      )}
    </Part>
  );
}

const said = (value: unknown) => (typeof value === "number" ? figure(value) : value === null ? "–" : String(value));
