import { useState } from "preact/hooks";
import { AskError, get, post, remove } from "../ask/request";
import { useAnswer } from "../ask/useAnswer";
import { definitionsTopic } from "../definitions";
import { dayAndMinute } from "../format";
import { notify } from "../notices";
import { DataTable } from "../panel/DataTable";
import { Empty } from "../panel/Empty";
import { FormDialog } from "../panel/FormDialog";
import { Panel } from "../panel/Panel";
import { href } from "../router";
import { Copy } from "../sharing/ShareDialog";
import { Links } from "../sharing/Links";

type Key = { id: string; name: string; scopes: string[]; source: string; created: number; expires: number | null };

const SCOPES = { ingest: "may send events", query: "may look and ask", control: "may change what is defined", admin: "may do everything" } as const;
type Scope = keyof typeof SCOPES;

/** Who may do what, who was given a link, and where alerts are sent. */
export function SettingsPage() {
  return (
    <div class="settings">
      <Keys />
      <section class="panel" aria-labelledby="settings-links">
        <header>
          <h2 id="settings-links">Links to dashboards</h2>
        </header>
        <div class="panel-pad">
          <Links />
        </div>
      </section>
      <Channels />
    </div>
  );
}

function Keys() {
  const [changed, setChanged] = useState(0);
  const [made, setMade] = useState<{ name: string; key: string } | null>(null);
  const answer = useAnswer(`keys ${changed}`, () =>
    get<Key[]>("/v1/keys").catch((error: unknown) => {
      if (!(error instanceof AskError) || error.status !== 403) throw error;
      throw new AskError("You are signed in to look and to change what is defined. Keys are seen by who holds a key with the scope admin; or type `hindcast keys list` where the system runs.", "keys", "Keys are not shown here");
    }),
  );
  const sessions = (key: Key) => key.expires !== null;
  return (
    <Panel
      title="Keys and people"
      topic={answer}
      shape="rows"
      tools={<NewKey made={(name, key) => (setMade({ name, key }), setChanged(changed + 1))} />}
      isEmpty={(keys) => keys.length === 0}
      empty={
        <Empty title="No key yet">
          <span>A key lets a program, or a person's browser, in.</span>
        </Empty>
      }
    >
      {(keys) => (
        <>
          {made && (
            <div class="made-key" role="status">
              <b>The key {made.name}, shown only here:</b>
              <code>{made.key}</code>
              <Copy text={made.key} />
              <button type="button" class="button" onClick={() => setMade(null)}>
                I have it
              </button>
            </div>
          )}
          <DataTable
            label="Keys"
            rows={keys}
            rowKey={({ id }) => id}
            columns={[
              { title: "Name", wide: true, cell: (key) => (sessions(key) ? "a browser that is signed in" : key.name) },
              { title: "May", cell: ({ scopes }) => scopes.join(", ") },
              { title: "Product", roomy: true, cell: (key) => (sessions(key) ? "–" : key.source) },
              { title: "Ends", roomy: true, cell: ({ expires }) => (expires === null ? "when it is revoked" : dayAndMinute(expires)) },
              { title: "", cell: (key) => <Revoke revoke={() => remove<void>(`/v1/keys/${encodeURIComponent(key.id)}`)} name={sessions(key) ? "this session" : key.name} done={() => setChanged(changed + 1)} /> },
            ]}
          />
        </>
      )}
    </Panel>
  );
}

/** Asks once more before it revokes. */
function Revoke({ name, revoke, done }: { name: string; revoke: () => Promise<void>; done: () => void }) {
  const [asking, setAsking] = useState(false);
  const act = () =>
    void revoke()
      .then(done)
      .catch((error: Error) => notify(error.message));
  return (
    <button type="button" class={asking ? "button small danger" : "button small"} aria-label={asking ? `Revoke ${name} for good` : `Revoke ${name}`} onClick={() => (asking ? act() : setAsking(true))} onBlur={() => setAsking(false)}>
      {asking ? "Really?" : "Revoke"}
    </button>
  );
}

function NewKey({ made }: { made: (name: string, key: string) => void }) {
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<Scope[]>(["ingest"]);

  async function save() {
    const { key } = await post<{ key: string }>("/v1/keys", { name: name.trim(), scopes });
    made(name.trim(), key);
    setName("");
  }

  return (
    <FormDialog button="New key…" small title="A key" send="Make it" sending="Making…" ready={name.trim() !== "" && scopes.length > 0} save={save}>
      <p>For a product that sends events, a program that asks, or a person. It is shown once.</p>
      <label class="field">
        <span>Name</span>
        <input required maxLength={120} value={name} placeholder="website" autocomplete="off" onInput={(event) => setName(event.currentTarget.value)} />
      </label>
      <fieldset class="checks">
        <legend>It</legend>
        {(Object.entries(SCOPES) as [Scope, string][]).map(([scope, says]) => (
          <label key={scope} class="check">
            <input type="checkbox" checked={scopes.includes(scope)} onChange={(event) => setScopes(event.currentTarget.checked ? [...scopes, scope] : scopes.filter((each) => each !== scope))} />
            {says} <small class="muted">{scope}</small>
          </label>
        ))}
      </fieldset>
    </FormDialog>
  );
}

function Channels() {
  return (
    <Panel
      title="Where alerts are sent"
      topic={definitionsTopic}
      shape="rows"
      isEmpty={(all) => !Object.values(all).some(({ kind }) => kind === "channel")}
      empty={
        <Empty title="Only to this page">
          <span>Define a channel, such as a webhook, and name it in a rule.</span>
        </Empty>
      }
    >
      {(all) => (
        <DataTable
          label="Channels"
          rows={Object.values(all).filter(({ kind }) => kind === "channel")}
          rowKey={({ name }) => name}
          columns={[
            {
              title: "Name",
              wide: true,
              cell: ({ kind, name }) => (
                <a class="cell-link" href={href(["definitions", kind, name])}>
                  {name}
                </a>
              ),
            },
            { title: "Kind", cell: ({ spec }) => String((spec as { kind?: string }).kind ?? "") },
            { title: "Owner", roomy: true, cell: ({ owner }) => owner },
          ]}
        />
      )}
    </Panel>
  );
}
