import { useState } from "preact/hooks";
import { figure } from "../format";
import { Bars } from "../widgets/Bars";
import { scored } from "./ModelsPage";
import { predict, type Input, type Predicted, type Version } from "./registry";

/** Asks the deployed model about a row that is filled in by hand, and says by how much each input moved the answer. */
export function TryForm({ name, version }: { name: string; version: Version }) {
  const inputs = version.inputs ?? [];
  const [row, setRow] = useState<Record<string, string>>({});
  const [user, setUser] = useState("");
  const ofPeople = version.data?.dataset !== undefined;
  const [answer, setAnswer] = useState<Predicted | null>(null);
  const [complaint, setComplaint] = useState("");
  const [busy, setBusy] = useState(false);

  async function submit(event: Event) {
    event.preventDefault();
    setBusy(true);
    setComplaint("");
    try {
      const filled = inputs.map((input) => [input.name, valueOf(input, row[input.name] ?? "")] as const);
      const who = user.trim();
      // What is left empty is told by the log, if a user is named; else it is not known.
      setAnswer(await predict(name, Object.fromEntries(who ? [["user_id", who], ...filled.filter(([, value]) => value !== null)] : filled)));
    } catch (error) {
      setAnswer(null);
      setComplaint(error instanceof Error ? error.message : String(error));
    }
    setBusy(false);
  }

  return (
    <div class="try">
      <form onSubmit={submit} aria-label="Try the model">
        {ofPeople && (
          <label class="field">
            <span>User, as known now</span>
            <input value={user} placeholder="a user's id" autocomplete="off" onInput={(event) => setUser(event.currentTarget.value)} />
          </label>
        )}
        {inputs.map((input) => (
          <label key={input.name} class="field">
            <span>{input.name}</span>
            {input.levels && input.levels.length > 0 && input.levels.length <= 60 ? (
              <select value={row[input.name] ?? ""} onChange={(event) => setRow({ ...row, [input.name]: event.currentTarget.value })}>
                <option value="">not known</option>
                {input.levels.map((level) => (
                  <option key={level} value={level}>
                    {level}
                  </option>
                ))}
              </select>
            ) : (
              <Typed input={input} value={row[input.name] ?? ""} put={(value) => setRow({ ...row, [input.name]: value })} />
            )}
          </label>
        ))}
        <button class="button primary" disabled={busy}>
          {busy ? "Asking…" : "Ask"}
        </button>
        <p class="complaint" role="alert">
          {complaint}
        </p>
      </form>
      <div class="try-answer" role="status">
        {answer ? <Answer answer={answer} /> : <p class="muted">{ofPeople && "With a user, what is left empty is taken from their events. Without one, what"}{!ofPeople && "What"} is left empty is not known to the model. The answer, and what moved it, is shown here. The question is recorded as any other.</p>}
      </div>
    </div>
  );
}

const isNumber = ({ kind }: Input) => /num|int|float|real/.test(kind);

function Typed({ input, value, put }: { input: Input; value: string; put: (value: string) => void }) {
  const { low, high } = input;
  const said = { value, onInput: (event: { currentTarget: HTMLInputElement }) => put(event.currentTarget.value) };
  if (isNumber(input)) return <input type="number" step="any" placeholder={low != null && high != null ? `${figure(low)} to ${figure(high)}` : "not known"} {...said} />;
  return <input placeholder={input.kind} autocomplete="off" {...said} />;
}

function valueOf(input: Input, text: string): string | number | boolean | null {
  if (text.trim() === "") return null;
  if (input.kind.startsWith("bool")) return text === "true" || text === "yes";
  return isNumber(input) ? Number(text) : text;
}

const PROBABILITY = "probability_";

function Answer({ answer }: { answer: Predicted }) {
  const chances = Object.entries(answer).filter((entry): entry is [string, number] => entry[0].startsWith(PROBABILITY) && typeof entry[1] === "number");
  const why = Object.entries(answer.why ?? {}).slice(0, 12);
  return (
    <>
      <p class="try-says">
        <b>{typeof answer.prediction === "number" ? figure(answer.prediction) : (answer.prediction ?? "–")}</b>
        <span class="muted">
          version {answer.version}
          {answer.variant && `, ${answer.variant}`}
          {typeof answer.low === "number" && typeof answer.high === "number" && `, between ${figure(answer.low)} and ${figure(answer.high)}`}
          {answer.latency_ms !== undefined && `, ${figure(answer.latency_ms)} ms`}
        </span>
      </p>
      {chances.length > 0 && <Bars title="Probabilities" bars={chances.map(([name, value]) => ({ name: name.slice(PROBABILITY.length), value, text: `${(value * 100).toFixed(1)}\u202f%` }))} />}
      {why.length > 0 && (
        <>
          <h3>What moved it</h3>
          <Bars title="What moved it" bars={why.map(([name, value]) => ({ name, value, text: `${value > 0 ? "+" : ""}${scored(value)}`.replace("-", "−") }))} />
        </>
      )}
    </>
  );
}
