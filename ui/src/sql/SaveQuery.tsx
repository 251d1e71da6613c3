import { useEffect, useRef, useState } from "preact/hooks";
import { put } from "../ask/request";
import { notify } from "../notices";
import type { SavedQuery } from "./kept";

type Props = { sql: string; kept: SavedQuery | undefined; saved: (name: string) => void };

/** Keeps the statement as a definition of the kind `query`; the same name again is a new version of it. */
export function SaveQuery({ sql, kept, saved }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [open, setOpen] = useState(false);
  const [name, setName] = useState("");
  const [about, setAbout] = useState("");
  const [busy, setBusy] = useState(false);
  const [complaint, setComplaint] = useState("");
  useEffect(() => {
    if (!open) return;
    setName(kept?.name ?? "");
    setAbout(kept?.spec.about ?? "");
    setComplaint("");
    dialog.current?.showModal();
  }, [open]);

  async function save(event: Event) {
    event.preventDefault();
    setBusy(true);
    setComplaint("");
    try {
      await put(`/v1/definitions/query/${encodeURIComponent(name.trim())}`, { sql, about: about.trim() });
      setOpen(false);
      notify(`The query ${name.trim()} is kept.`);
      saved(name.trim());
    } catch (error) {
      setComplaint(error instanceof Error ? error.message : String(error));
    }
    setBusy(false);
  }

  return (
    <>
      <button type="button" class="button" aria-haspopup="dialog" disabled={!sql.trim()} onClick={() => setOpen(true)}>
        Save…
      </button>
      {open && (
        <dialog ref={dialog} class="help" aria-labelledby="save-title" onClose={() => setOpen(false)}>
          <form onSubmit={save}>
            <h2 id="save-title">Keep this query</h2>
            <p>Everybody who may look finds it here. It is versioned, like every definition.</p>
            <label class="field">
              <span>Name</span>
              <input required maxLength={200} value={name} autocomplete="off" onInput={(event) => setName(event.currentTarget.value)} />
            </label>
            <label class="field">
              <span>What it answers</span>
              <input maxLength={1000} value={about} autocomplete="off" onInput={(event) => setAbout(event.currentTarget.value)} />
            </label>
            <p class="complaint" role="alert">
              {complaint}
            </p>
            <div class="choices">
              <button type="button" class="button" onClick={() => setOpen(false)}>
                Cancel
              </button>
              <button type="submit" class="button primary" disabled={busy || !name.trim()}>
                {busy ? "Saving…" : "Save"}
              </button>
            </div>
          </form>
        </dialog>
      )}
    </>
  );
}
