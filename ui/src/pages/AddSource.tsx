import { useState } from "preact/hooks";
import { put } from "../ask/request";
import { notify } from "../notices";
import { FormDialog } from "../panel/FormDialog";

const EXAMPLE = JSON.stringify({ kind: "feed", url: "https://blog.example/feed.xml" }, null, 2);

/** Defines a source: a name, and its settings as JSON. What is wrong with them is said by the server, with its remedy. */
export function AddSource({ added }: { added: () => void }) {
  const [name, setName] = useState("");
  const [spec, setSpec] = useState(EXAMPLE);

  async function save() {
    await put(`/v1/definitions/source/${encodeURIComponent(name.trim())}`, settingsOf(spec));
    notify(`The source ${name.trim()} is defined. It is read within seconds.`);
    added();
  }

  return (
    <FormDialog button="Add a source…" small look="source-form" title="Add a source" send="Define" sending="Defining…" ready={name.trim() !== ""} save={save}>
      <label class="field">
        <span>Name</span>
        <input required value={name} autocomplete="off" spellcheck={false} onInput={(event) => setName(event.currentTarget.value)} />
      </label>
      <label class="field">
        <span>Settings, as JSON</span>
        <textarea rows={8} spellcheck={false} value={spec} onInput={(event) => setSpec(event.currentTarget.value)} />
      </label>
      <p class="quiet">
        Secrets are references: <code>env:NAME</code> or <code>file:NAME</code>. <code>hindcast sources kinds</code> lists what each kind takes, and{" "}
        <code>hindcast sources add</code> reads from it first.
      </p>
    </FormDialog>
  );
}

function settingsOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`The settings are no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}
