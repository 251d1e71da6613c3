import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";

type Props = {
  /** What the button that opens it says. */
  button: string;
  small?: boolean;
  disabled?: boolean;
  title: string;
  /** A class of the dialog, beside that of all. */
  look?: string;
  /** What the button that sends it says, before and meanwhile. */
  send: string;
  sending: string;
  ready?: boolean;
  /** Called when it opens, for what it begins with. */
  opened?: () => void;
  /** Sends what was filled in. It closes after that; what it throws is shown where it was asked, and it stays open. */
  save: () => Promise<void>;
  children: ComponentChildren;
};

/** A button, and the form that it opens in front of the page. */
export function FormDialog({ button, small, disabled, title, look = "", send, sending, ready = true, opened, save, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const [complaint, setComplaint] = useState("");
  useEffect(() => {
    if (!open) return;
    setComplaint("");
    opened?.();
    dialog.current?.showModal();
  }, [open]);

  async function submit(event: Event) {
    event.preventDefault();
    setBusy(true);
    setComplaint("");
    try {
      await save();
      setOpen(false);
    } catch (error) {
      setComplaint(error instanceof Error ? error.message : String(error));
    }
    setBusy(false);
  }

  return (
    <>
      <button type="button" class={small ? "button small" : "button"} aria-haspopup="dialog" disabled={disabled} onClick={() => setOpen(true)}>
        {button}
      </button>
      {open && (
        <dialog ref={dialog} class={`help ${look}`} aria-labelledby={heading} onClose={() => setOpen(false)}>
          <form onSubmit={submit}>
            <h2 id={heading}>{title}</h2>
            {children}
            <p class="complaint" role="alert">
              {complaint}
            </p>
            <div class="choices">
              <button type="button" class="button" onClick={() => setOpen(false)}>
                Cancel
              </button>
              <button type="submit" class="button primary" disabled={busy || !ready}>
                {busy ? sending : send}
              </button>
            </div>
          </form>
        </dialog>
      )}
    </>
  );
}
