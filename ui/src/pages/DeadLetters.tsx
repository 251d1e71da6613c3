import { useState } from "preact/hooks";
import { letters, replay, type Letter, type Replayed } from "../ask/sources";
import { useAnswer } from "../ask/useAnswer";
import { count, dayAndMinute } from "../format";
import { notify } from "../notices";
import { DataTable, type Column } from "../panel/DataTable";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";

const EVERY_MS = 10_000;

/** Rows that were refused: each with its reason, mended one by one or all that have the same fault, and recorded once. */
export function DeadLetters() {
  const found = useAnswer("dead_letters", letters, EVERY_MS);
  const [chosen, setChosen] = useState<Letter | null>(null);
  const total = found.data.value?.total ?? 0;
  const columns: Column<Letter>[] = [
    {
      title: "Fault",
      wide: true,
      cell: (letter) => (
        <button type="button" class="cell-link" aria-expanded={chosen?.id === letter.id} onClick={() => setChosen(chosen?.id === letter.id ? null : letter)}>
          <b>{letter.field}</b>
          <small>{letter.reason}</small>
        </button>
      ),
    },
    { title: "When", cell: ({ at }) => <time dateTime={new Date(at * 1_000).toISOString()}>{dayAndMinute(at)}</time> },
    { title: "Stream", roomy: true, cell: ({ stream }) => stream },
    { title: "Source", roomy: true, cell: ({ source }) => source ?? "–" },
  ];
  return (
    <>
      {chosen && (
        <Mend
          key={chosen.id}
          letter={chosen}
          done={() => {
            setChosen(null);
            found.retry();
          }}
        />
      )}
      <div class="fill">
        <Panel
          title="Refused rows"
          topic={found}
          shape="rows"
          note={`${count(total)} wait to be mended; nothing of them is lost`}
          isEmpty={() => total === 0}
          empty={<Empty title="No row is refused">{<span>Rows that cannot be taken are kept here, each with its reason.</span>}</Empty>}
        >
          {({ letters }) => <DataTable label="Refused rows, newest first" columns={columns} rows={letters} rowKey={({ id }) => id} />}
        </Panel>
      </div>
    </>
  );
}

/** What was sent, and what one of its fields is to be. */
function Mend({ letter, done }: { letter: Letter; done: () => void }) {
  const mendable = letter.stream === "user_interactions";
  const [path, setPath] = useState(letter.field);
  const [expression, setExpression] = useState("");
  const [all, setAll] = useState(false);
  const [tried, setTried] = useState<Replayed | null>(null);
  const [complaint, setComplaint] = useState("");

  async function send(dry: boolean) {
    setComplaint("");
    const which = all ? { field: letter.field, reason: letter.reason } : { id: letter.id };
    try {
      const told = await replay({ ...which, set: expression.trim() ? { [path.trim()]: expression.trim() } : {} }, dry);
      if (dry) return setTried(told);
      notify(`${count(told.accepted)} recorded${told.duplicate ? `, ${count(told.duplicate)} were there already` : ""}${told.refused_total ? `, ${count(told.refused_total)} still refused` : ""}.`);
      if (told.refused_total === 0) return done();
      setTried(told);
    } catch (error) {
      setComplaint(error instanceof Error ? error.message : String(error));
    }
  }

  return (
    <section class="panel mend" aria-label={`Mend ${letter.field}`}>
      <header>
        <h2>{letter.field}</h2>
        <span class="note">{letter.reason}</span>
      </header>
      <div class="mend-body">
        <pre tabIndex={0} aria-label="What was sent">
          {indented(letter.payload)}
        </pre>
        {mendable ? (
          <form class="filters explore-form" aria-label="Mend" onSubmit={(event) => (event.preventDefault(), send(true))}>
            <label>
              <span>Field</span>
              <input value={path} autocomplete="off" spellcheck={false} onInput={(event) => (setPath(event.currentTarget.value), setTried(null))} />
            </label>
            <label>
              <span>Take it from (JMESPath)</span>
              <input
                value={expression}
                placeholder="data.when, or `literal`"
                autocomplete="off"
                spellcheck={false}
                onInput={(event) => (setExpression(event.currentTarget.value), setTried(null))}
              />
            </label>
            <label>
              <span>Which</span>
              <select value={all ? "all" : "one"} onChange={(event) => (setAll(event.currentTarget.value === "all"), setTried(null))}>
                <option value="one">this row</option>
                <option value="all">all with this fault</option>
              </select>
            </label>
            <button type="submit" class="button">
              Try
            </button>
            <button type="button" class="button primary" disabled={!tried?.accepted} onClick={() => send(false)}>
              {tried?.accepted ? `Record ${count(tried.accepted)}` : "Record"}
            </button>
          </form>
        ) : (
          <p class="quiet">Only events of products can be mended here. What a source brings is read again once its settings fit.</p>
        )}
        {complaint && (
          <p class="complaint" role="alert">
            {complaint}
          </p>
        )}
        {tried && <Outcome tried={tried} />}
      </div>
    </section>
  );
}

function Outcome({ tried }: { tried: Replayed }) {
  const [first] = tried.refused;
  return (
    <div role="status">
      {first && (
        <p class="complaint">
          {count(tried.refused_total)} would still be refused: {first.field} {first.reason}
        </p>
      )}
      {tried.events[0] && <pre aria-label="As it would be recorded">{JSON.stringify(tried.events[0], null, 2)}</pre>}
    </div>
  );
}

function indented(payload: string): string {
  try {
    return JSON.stringify(JSON.parse(payload), null, 2);
  } catch {
    return payload;
  }
}
