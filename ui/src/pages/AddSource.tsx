import { useEffect, useRef, useState } from "preact/hooks";
import { put } from "../ask/request";
import { notify } from "../notices";

const EXAMPLE = JSON.stringify({ kind: "feed", url: "https://blog.example/feed.xml" }, null, 2);

/** Defines a source: a name, and its settings as JSON. What is wrong with them is said by the server, with its remedy. */
export function AddSource({ added }: { added: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [open, setOpen] = useState(false);
  const [name, setName] = useState("");
  const [spec, setSpec] = useState(EXAMPLE);
  const [said, setSaid] = useState({ text: "", good: false });
  useEffect(() => {
    if (open) dialog.current?.showModal();
  }, [open]);

  async function send(dry: boolean) {
    try {
      const settings: unknown = JSON.parse(spec);
      if (!name.trim()) throw new Error("Give it a name");
      await put(`/v1/definitions/source/${encodeURIComponent(name.trim())}${dry ? "?dry_run=true" : ""}`, settings);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      setSaid({ text: error instanceof SyntaxError ? `The settings are no JSON: ${reason}` : reason, good: false });
      return;
    }
    if (dry) {
      setSaid({ text: "It can be defined so.", good: true });
      return;
    }
    setOpen(false);
    notify(`The source ${name.trim()} is defined. It is read within seconds.`);
    added();
  }

  return (
    <>
      <button type="button" class="button small" aria-haspopup="dialog" onClick={() => setOpen(true)}>
        Add a source…
      </button>
      {open && (
        <dialog ref={dialog} class="help source-form" aria-labelledby="source-title" onClose={() => setOpen(false)}>
          <h2 id="source-title">Add a source</h2>
          <label>
            <span>Name</span>
            <input value={name} autocomplete="off" spellcheck={false} onInput={(event) => setName(event.currentTarget.value)} />
          </label>
          <label>
            <span>Settings, as JSON</span>
            <textarea rows={8} spellcheck={false} value={spec} onInput={(event) => setSpec(event.currentTarget.value)} />
          </label>
          <p class="quiet">
            Secrets are references: <code>env:NAME</code> or <code>file:NAME</code>. <code>hindcast sources kinds</code> lists what each kind takes.
          </p>
          <p class={said.good ? "quiet" : "complaint"} role="status">
            {said.text}
          </p>
          <div class="choices">
            <button type="button" class="button" onClick={() => setOpen(false)}>
              Cancel
            </button>
            <button type="button" class="button" onClick={() => send(true)}>
              Check
            </button>
            <button type="button" class="button primary" onClick={() => send(false)}>
              Define
            </button>
          </div>
        </dialog>
      )}
    </>
  );
}
