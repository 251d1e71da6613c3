import { useEffect, useRef, useState } from "preact/hooks";
import { dashboards, type FilterSpec } from "../definitions";
import { Links } from "./Links";
import { addressOf, makeShare, type SharedLink } from "./shares";

const DAY = 86_400;
const ENDS = { "1": "a day", "7": "a week", "30": "30 days", "": "until it is revoked" };

type Props = { id: string; filters: FilterSpec[]; close: () => void };

/** Makes a link to the dashboard, and lists those that there are. */
export function ShareDialog({ id, filters, close }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [title, setTitle] = useState("");
  const [days, setDays] = useState("7");
  const [field, setField] = useState("");
  const [value, setValue] = useState("");
  const [origins, setOrigins] = useState("");
  const [others, setOthers] = useState<string[]>([]);
  const [every, setEvery] = useState(30);
  const [made, setMade] = useState<SharedLink | null>(null);
  const [busy, setBusy] = useState(false);
  const [complaint, setComplaint] = useState("");
  useEffect(() => dialog.current?.showModal(), []);
  const rest = (dashboards.value ?? []).filter(({ name }) => name !== id);

  async function submit(event: Event) {
    event.preventDefault();
    setBusy(true);
    setComplaint("");
    try {
      const sites = origins.split(/[\s,]+/).filter(Boolean);
      setMade(
        await makeShare({
          dashboards: [id, ...others],
          ...(title.trim() ? { title: title.trim() } : {}),
          ...(days ? { expires: Math.round(Date.now() / 1_000) + Number(days) * DAY } : {}),
          ...(field.trim() && value.trim() ? { filter: { [field.trim()]: value.trim() } } : {}),
          ...(sites.length > 0 ? { origins: sites } : {}),
          ...(others.length > 0 ? { every_s: every } : {}),
        }),
      );
    } catch (error) {
      setComplaint(error instanceof Error ? error.message : String(error));
    }
    setBusy(false);
  }

  return (
    <dialog ref={dialog} class="help share" aria-labelledby="share-title" onClose={close}>
      <h2 id="share-title">Share this dashboard</h2>
      {made ? (
        <Made link={made} again={() => setMade(null)} />
      ) : (
        <form onSubmit={submit}>
          <p>Who has the link may look at it, without a key, and at nothing else.</p>
          <label class="field">
            <span>For whom</span>
            <input value={title} maxLength={200} placeholder="the board" autocomplete="off" onInput={(event) => setTitle(event.currentTarget.value)} />
          </label>
          <label class="field">
            <span>It works for</span>
            <select value={days} onChange={(event) => setDays(event.currentTarget.value)}>
              {Object.entries(ENDS).map(([name, text]) => (
                <option key={name} value={name}>
                  {text}
                </option>
              ))}
            </select>
          </label>
          <details>
            <summary>Only some rows</summary>
            <p class="muted">Who has the link sees only rows with this value, and cannot lift it. Widgets that cannot be filtered by it are left out.</p>
            <div class="pair">
              <input aria-label="Property" placeholder="plan" value={field} list="share-fields" spellcheck={false} onInput={(event) => setField(event.currentTarget.value)} />
              <input aria-label="Value" placeholder="pro" value={value} onInput={(event) => setValue(event.currentTarget.value)} />
            </div>
            <datalist id="share-fields">
              {filters.map(({ field }) => (
                <option key={field} value={field} />
              ))}
            </datalist>
          </details>
          <details>
            <summary>In a page of another site</summary>
            <p class="muted">The sites whose pages may show it within themselves, such as https://example.org.</p>
            <input aria-label="Sites" placeholder="https://example.org" value={origins} spellcheck={false} onInput={(event) => setOrigins(event.currentTarget.value)} />
          </details>
          {rest.length > 0 && (
            <details>
              <summary>Several in turn, as on a screen on a wall</summary>
              {rest.map(({ name, spec }) => (
                <label key={name} class="check">
                  <input type="checkbox" checked={others.includes(name)} onChange={(event) => setOthers(event.currentTarget.checked ? [...others, name] : others.filter((each) => each !== name))} />
                  {spec.name}
                </label>
              ))}
              <label class="field">
                <span>Each for so many seconds</span>
                <input type="number" min={5} max={3600} value={every} onInput={(event) => setEvery(Number(event.currentTarget.value))} />
              </label>
            </details>
          )}
          <p class="complaint" role="alert">
            {complaint}
          </p>
          <div class="choices">
            <button type="button" class="button" onClick={() => dialog.current?.close()}>
              Close
            </button>
            <button class="button primary" disabled={busy}>
              {busy ? "Making…" : "Make a link"}
            </button>
          </div>
        </form>
      )}
      <Links dashboard={id} key={made?.id ?? ""} />
    </dialog>
  );
}

function Made({ link, again }: { link: SharedLink; again: () => void }) {
  const shown = addressOf(link);
  return (
    <div class="made">
      <label class="field">
        <span>The link</span>
        <input readOnly value={shown} onFocus={(event) => event.currentTarget.select()} />
      </label>
      {link.origins.length > 0 && (
        <label class="field">
          <span>To put it into a page</span>
          <textarea readOnly rows={3} value={`<iframe src="${shown}" width="100%" height="720" title="Dashboard"></iframe>`} />
        </label>
      )}
      <div class="choices">
        <Copy text={shown} />
        <button type="button" class="button" onClick={again}>
          Another one
        </button>
      </div>
    </div>
  );
}

export function Copy({ text }: { text: string }) {
  const [copied, setCopied] = useState(false);
  return (
    <button
      type="button"
      class="button"
      onClick={() => {
        // Only secure origins have a clipboard; elsewhere the field can be selected.
        void navigator.clipboard?.writeText(text).then(() => setCopied(true));
      }}
    >
      {copied ? "Copied" : "Copy"}
    </button>
  );
}
