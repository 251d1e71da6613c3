import { useEffect, useRef, useState } from "preact/hooks";
import { remove } from "../ask/request";
import { notify } from "../notices";

/** Removes a definition once the reader has said so again; what the server has against it is shown where it was asked. */
export function RemoveDefinition({ kind, name, path }: { kind: string; name: string; path: string }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const [complaint, setComplaint] = useState("");
  useEffect(() => {
    if (open) dialog.current?.showModal();
  }, [open]);

  async function confirm() {
    setBusy(true);
    setComplaint("");
    try {
      await remove(path);
      setOpen(false);
      notify(`The ${kind} ${name} is removed. What it said stays in the log.`);
    } catch (error) {
      setComplaint(error instanceof Error ? error.message : String(error));
    }
    setBusy(false);
  }

  return (
    <>
      <button type="button" class="button small" aria-haspopup="dialog" onClick={() => setOpen(true)}>
        Remove…
      </button>
      {open && (
        <dialog ref={dialog} class="help" aria-labelledby="remove-title" onClose={() => setOpen(false)}>
          <h2 id="remove-title">
            Remove the {kind} {name}?
          </h2>
          <p>It stops holding at once. What it said stays in the log, and it can be defined again.</p>
          <p class="complaint" role="alert">
            {complaint}
          </p>
          <div class="choices">
            <button type="button" class="button" onClick={() => setOpen(false)}>
              Keep it
            </button>
            <button type="button" class="button danger" disabled={busy} onClick={confirm}>
              {busy ? "Removing…" : "Remove"}
            </button>
          </div>
        </dialog>
      )}
    </>
  );
}
