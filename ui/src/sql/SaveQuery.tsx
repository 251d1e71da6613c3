import { useState } from "preact/hooks";
import { put } from "../ask/request";
import { notify } from "../notices";
import { FormDialog } from "../panel/FormDialog";
import type { SavedQuery } from "./kept";

type Props = { sql: string; kept: SavedQuery | undefined; saved: (name: string) => void };

/** Keeps the statement as a definition of the kind `query`; the same name again is a new version of it. */
export function SaveQuery({ sql, kept, saved }: Props) {
  const [name, setName] = useState("");
  const [about, setAbout] = useState("");

  async function save() {
    await put(`/v1/definitions/query/${encodeURIComponent(name.trim())}`, { sql, about: about.trim() });
    notify(`The query ${name.trim()} is kept.`);
    saved(name.trim());
  }

  return (
    <FormDialog
      button="Save…"
      disabled={!sql.trim()}
      title="Keep this query"
      send="Save"
      sending="Saving…"
      ready={name.trim() !== ""}
      opened={() => (setName(kept?.name ?? ""), setAbout(kept?.spec.about ?? ""))}
      save={save}
    >
      <p>Everybody who may look finds it here. It is versioned, like every definition.</p>
      <label class="field">
        <span>Name</span>
        <input required maxLength={200} value={name} autocomplete="off" onInput={(event) => setName(event.currentTarget.value)} />
      </label>
      <label class="field">
        <span>What it answers</span>
        <input maxLength={1000} value={about} autocomplete="off" onInput={(event) => setAbout(event.currentTarget.value)} />
      </label>
    </FormDialog>
  );
}
