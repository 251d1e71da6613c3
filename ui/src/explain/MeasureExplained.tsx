import { sql } from "../ask/request";
import { useAnswer } from "../ask/useAnswer";
import { between } from "../behind";
import { dayAndMinute, figure, secondOfDay } from "../format";
import { href } from "../router";
import { Again, Figure, Part, RowsBehind, type Producer } from "./parts";
import type { MeasureName, OfMeasure } from "./why";

type Counted = { says: string; stream: string; of: (seconds: number) => string };

const all: Counted = { says: "events", stream: "user_interactions", of: () => "count(*)" };

/** How the figures of user activity are counted, in SQL over the stream. */
const measures: Record<MeasureName, Counted> = {
  active_users: { says: "different users with an event", stream: "user_interactions", of: () => "count(DISTINCT subject)" },
  events_per_minute: { ...all, says: "events a minute", of: (seconds) => (seconds === 60 ? "count(*)" : `count(*) * 60 / ${seconds}`) },
  events_total: all,
  rejected: { says: "rows that were refused", stream: "dead_letters", of: () => "count(*)" },
};

const at = (seconds: number) => `to_timestamp(${seconds})`;

/** A figure of user activity: the rows of its span, counted again. */
export function MeasureExplained({ asked }: { asked: OfMeasure }) {
  const { measure, from, to, value } = asked;
  const { says, stream, of } = measures[measure] ?? all;
  const spanned = from !== undefined && to !== undefined;
  const where = spanned ? `\nWHERE time >= ${at(from)} AND time < ${at(to)}` : "";
  const counted = `SELECT producer, count(*) AS rows, min(row_offset) AS first, max(row_offset) AS last\nFROM ${stream}${where}\nGROUP BY 1 ORDER BY 1`;
  const figured = `SELECT ${of(spanned ? to - from : 1)} AS figure\nFROM ${stream}${where}`;
  const answer = useAnswer(`why ${JSON.stringify(asked)}`, async () => {
    const [again, producers] = await Promise.all([sql(figured, 1), sql(counted, 1_000)]);
    const places = (producers.rows as [string, number, number, number][]).map(([producer, rows, first, last]): Producer => ({ producer, rows, first, last }));
    return { again: Number(again.rows[0]?.[0] ?? 0), places };
  });
  return (
    <>
      <Figure value={figure(value)}>
        {says}
        {spanned ? `, ${dayAndMinute(from)}:${secondOfDay(from).slice(-2)} to ${secondOfDay(to)}` : ", since the log began"}
      </Figure>
      <h3>Definition</h3>
      <p>It comes with the system. As SQL:</p>
      <pre tabIndex={0}>{figured}</pre>
      <Part answer={answer}>
        {({ again, places }) => (
          <>
            <Again equal={Math.abs(again - value) < 1e-6 * Math.max(1, Math.abs(value))}>
              Counted again now: {figure(again)}
              {again !== value && ". Rows that came later are counted where they belong"}
            </Again>
            <RowsBehind
              statement={`SELECT *\nFROM ${stream}${where}\nORDER BY time DESC, row_offset DESC`}
              total={places.reduce((n, { rows }) => n + rows, 0)}
              producers={places}
              page={
                stream === "user_interactions"
                  ? { link: href(["events"], spanned ? between(from, to) : {}), says: "The events behind it" }
                  : { link: href(["streams", stream]), says: "The rows behind it" }
              }
            />
          </>
        )}
      </Part>
    </>
  );
}
