import { useState } from "preact/hooks";
import { useAnswer } from "../ask/useAnswer";
import { dayAndMinute } from "../format";
import { moment } from "../moment";
import { notify } from "../notices";
import type { Captured } from "../pages/routes";
import { DataTable } from "../panel/DataTable";
import { Empty } from "../panel/Empty";
import { FormDialog } from "../panel/FormDialog";
import { Panel } from "../panel/Panel";
import { href } from "../router";
import { Icon } from "../shell/Icon";
import { HealthOf } from "./HealthPanel";
import { Runs, scored, share } from "./ModelsPage";
import { approve, compare, deploy, endDeployment, experiments, model, promote, rollBack, type Deployed, type Mode, type Model, type Version } from "./registry";
import { TryForm } from "./TryForm";

const REFRESH_MS = 8_000;

/** One model: its versions, which of them answer, how they fare, and a form to try it. */
export function ModelPage({ captured }: { captured: Captured }) {
  const { name = "" } = captured;
  const [turn, setTurn] = useState(0);
  const [picked, setPicked] = useState<number | null>(null);
  const answer = useAnswer(`model ${name} ${turn}`, () => model(name), REFRESH_MS);
  const runs = useAnswer(`experiments of ${name} ${turn}`, () => experiments(name), REFRESH_MS);
  const found = answer.data.value;
  const shown = found?.versions.find(({ number }) => number === (picked ?? found.aliases.champion)) ?? found?.versions.at(-1);
  const may = moment.value === null;
  const done = (says: string) => (notify(says), setTurn(turn + 1));
  return (
    <>
      <a class="button back" href={href(["models"])}>
        <Icon name="back" /> All models
      </a>
      {found?.degraded && (
        <p class="edit-note conflict" role="alert">
          <b>It became worse.</b> {found.degraded.reason}
        </p>
      )}
      <div class="models">
        <Panel
          title="Versions"
          topic={answer}
          shape="rows"
          tools={may && found && <Deploying found={found} done={done} />}
          isEmpty={({ versions }) => versions.length === 0}
          empty={
            <Empty title="No version is registered">
              <span>A training run registers one if its score is above what was asked for.</span>
            </Empty>
          }
        >
          {(found) => (
            <>
              <Answering live={found.live} wanted={found.wanted} last={found.last_rollback} />
              <Versions found={found} shown={shown?.number} pick={setPicked} done={done} may={may} />
              {found.versions.length > 1 && <Compared name={name} versions={found.versions} />}
            </>
          )}
        </Panel>
        {found && shown && (
          <>
            <section class="panel" aria-label={`Version ${shown.number}`}>
              <header>
                <h2>Version {shown.number}</h2>
                <span class="note">{shown.model_id}</span>
              </header>
              <HealthOf version={shown} health={found.health[String(shown.number)]} />
            </section>
            {found.live && (
              <section class="panel" aria-label="Try it">
                <header>
                  <h2>Try it</h2>
                  <span class="note">by hand, with what moved the answer</span>
                </header>
                <TryForm name={name} version={shown} />
              </section>
            )}
          </>
        )}
        <Panel title="Training runs" topic={runs} shape="rows" isEmpty={(found) => found.length === 0} empty={<Empty title="No training run of it is known"> </Empty>}>
          {(found) => <Runs runs={found} />}
        </Panel>
      </div>
    </>
  );
}

function Answering({ live, wanted, last }: { live: Deployed | null; wanted: Deployed | null; last: Model["last_rollback"] }) {
  if (!live) return <p class="model-live muted">{wanted ? "It is being deployed: requests come to it once it is watched." : "No version is deployed."}</p>;
  const all = live.variants.reduce((sum, { weight, shadow }) => sum + (shadow ? 0 : weight), 0) || 1;
  return (
    <div class="model-live">
      <div class="split" role="img" aria-label={live.variants.map(({ name, number, weight, shadow }) => `${name}, version ${number}: ${shadow ? "beside" : share(weight / all)}`).join("; ")}>
        {live.variants
          .filter(({ shadow }) => !shadow)
          .map(({ name, number, weight }, i) => (
            <span key={name} style={{ "--part": weight / all, "--own": `var(--c${(i % 6) + 1})` }}>
              {name}, version {number}, {share(weight / all)}
            </span>
          ))}
      </div>
      <small>
        since {dayAndMinute(live.at)}
        {live.by && `, by ${live.by}`}
        {live.variants.some(({ shadow }) => shadow) && `; beside: ${live.variants.filter(({ shadow }) => shadow).map(({ name, number }) => `${name}, version ${number}`).join(", ")}`}
        {wanted && wanted.at > live.at && "; another deployment is on its way"}
        {last?.reason && `; last taken back: ${last.reason}`}
      </small>
    </div>
  );
}

type VersionsProps = { found: Model; shown: number | undefined; pick: (number: number) => void; done: (says: string) => void; may: boolean };

function Versions({ found, shown, pick, done, may }: VersionsProps) {
  const named = (number: number) => Object.entries(found.aliases).filter(([, points]) => points === number);
  const act = (deed: Promise<unknown>, says: string) => void deed.then(() => done(says)).catch((error: Error) => notify(error.message));
  return (
    <DataTable
      label="Versions, newest first"
      rows={[...found.versions].reverse()}
      rowKey={({ number }) => number}
      columns={[
        {
          title: "Version",
          cell: ({ number }) => (
            <button type="button" class="plain link" aria-pressed={shown === number} onClick={() => pick(number)}>
              {number}
            </button>
          ),
        },
        { title: "Known as", wide: true, cell: ({ number }) => named(number).map(([alias]) => <span key={alias} class="chip calm">{alias}</span>) },
        { title: "Score", numeric: true, cell: ({ metric, score }) => <span title={metric}>{scored(score)}</span> },
        { title: "Trained", roomy: true, cell: ({ at }) => dayAndMinute(at) },
        { title: "By", roomy: true, cell: ({ by }) => by || "–" },
        {
          title: "",
          cell: ({ number, approved }) =>
            may && (
              <span class="row-tools">
                {found.aliases.champion !== number && (
                  <button type="button" class="button small" aria-label={`Make version ${number} the champion`} onClick={() => act(promote(found.name, number), `Version ${number} is the champion.`)}>
                    Promote
                  </button>
                )}
                {approved === false && (
                  <button type="button" class="button small" aria-label={`Approve version ${number}`} onClick={() => act(approve(found.name, number), `Version ${number} is approved.`)}>
                    Approve
                  </button>
                )}
              </span>
            ),
        },
      ]}
    />
  );
}

function Deploying({ found, done }: { found: Model; done: (says: string) => void }) {
  const newest = found.versions.at(-1)?.number ?? 1;
  const [version, setVersion] = useState(newest);
  const [mode, setMode] = useState<Mode>("canary");
  const [part, setPart] = useState(10);
  const [asking, setAsking] = useState(false);
  const back = () => void rollBack(found.name).then(() => done(`${found.name} is as it was before.`)).catch((error: Error) => notify(error.message));
  return (
    <>
      {found.history.length > 0 && (
        <button type="button" class={asking ? "button small danger" : "button small"} onClick={() => (asking ? (setAsking(false), back()) : setAsking(true))} onBlur={() => setAsking(false)}>
          {asking ? "Back to the one before?" : "Roll back"}
        </button>
      )}
      <FormDialog
        button="Deploy…"
        small
        title={`Deploy ${found.name}`}
        send="Deploy"
        sending="Deploying…"
        opened={() => setVersion(newest)}
        save={async () => {
          await deploy(found.name, version, mode, part / 100);
          done(`Version ${version} is being deployed; requests come to it once it is watched.`);
        }}
      >
        <label class="field">
          <span>Version</span>
          <select value={String(version)} onChange={(event) => setVersion(Number(event.currentTarget.value))}>
            {[...found.versions].reverse().map(({ number, score }) => (
              <option key={number} value={String(number)}>
                {number}, score {scored(score)}
              </option>
            ))}
          </select>
        </label>
        <label class="field">
          <span>How</span>
          <select value={mode} onChange={(event) => setMode(event.currentTarget.value as Mode)}>
            <option value="shadow">beside the champion: asked, and nobody is answered with it</option>
            <option value="canary">a share of the requests, the champion the others</option>
            <option value="live">it answers all</option>
          </select>
        </label>
        {mode === "canary" && (
          <label class="field">
            <span>Share of the requests, {part} %</span>
            <input type="range" min={1} max={99} value={part} onInput={(event) => setPart(Number(event.currentTarget.value))} />
          </label>
        )}
        {found.live && (
          <button type="button" class="button small danger" onClick={() => void endDeployment(found.name).then(() => done(`${found.name} answers no more.`)).catch((error: Error) => notify(error.message))}>
            End the deployment
          </button>
        )}
      </FormDialog>
    </>
  );
}

function Compared({ name, versions }: { name: string; versions: Version[] }) {
  const numbers = versions.map(({ number }) => number);
  const [a, setA] = useState(numbers.at(-2)!);
  const [b, setB] = useState(numbers.at(-1)!);
  const [open, setOpen] = useState(false);
  const answer = useAnswer(`compare ${name} ${a} ${b}`, () => compare(name, [a, b]), 0, open && a !== b);
  const found = answer.data.value;
  const pick = (title: string, value: number, put: (value: number) => void) => (
    <select aria-label={title} value={String(value)} onChange={(event) => put(Number(event.currentTarget.value))}>
      {numbers.map((number) => (
        <option key={number} value={String(number)}>
          version {number}
        </option>
      ))}
    </select>
  );
  return (
    <details class="compared" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Compare two versions</summary>
      <p>
        {pick("One version", a, setA)} with {pick("The other version", b, setB)}
        {found?.better != null && <b> Version {found.better} is better.</b>}
      </p>
      {answer.problem.value && <p class="complaint">{answer.problem.value.message}</p>}
      {found && (
        <DataTable
          label="Compared"
          rows={[...Object.entries(found.scores), ...Object.entries(found.differs)]}
          rowKey={([field]) => field}
          columns={[
            { title: "", wide: true, cell: ([field]) => field },
            ...[a, b].map((number, i) => ({ title: `Version ${number}`, numeric: true, cell: ([, values]: [string, unknown[]]) => (typeof values[i] === "number" ? scored(values[i]) : values[i] == null ? "–" : String(values[i])) })),
          ]}
        />
      )}
    </details>
  );
}
