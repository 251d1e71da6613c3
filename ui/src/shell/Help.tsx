import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { shortcuts, useShortcuts } from "../shortcuts";

export const helpOpen = signal(false);

/** The keys that work on this page, as its parts registered them. */
export function Help() {
  const dialog = useRef<HTMLDialogElement>(null);
  useShortcuts([{ keys: ["?"], label: "?", does: "show these keys", run: () => (helpOpen.value = true) }]);
  useEffect(() => {
    if (helpOpen.value) dialog.current?.showModal();
    else dialog.current?.close();
  }, [helpOpen.value]);
  return (
    <dialog
      ref={dialog}
      class="help"
      aria-labelledby="help-title"
      onClose={() => (helpOpen.value = false)}
      onKeyDown={(event) => event.key === "?" && (helpOpen.value = false)}
    >
      <h2 id="help-title">Keyboard shortcuts</h2>
      <dl>
        {shortcuts.value.map((shortcut) => (
          <div key={shortcut.label}>
            <dt>
              {shortcut.label.split(" ").map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{shortcut.does}</dd>
          </div>
        ))}
        <div>
          <dt>
            <kbd>←</kbd>
            <kbd>→</kbd>
          </dt>
          <dd>read values of the chart in focus</dd>
        </div>
        <div>
          <dt>
            <kbd>Ctrl</kbd>
            <kbd>K</kbd>
          </dt>
          <dd>find a page, dashboard, metric, rule, event or user</dd>
        </div>
      </dl>
      <form method="dialog">
        <button class="button">Close</button>
      </form>
    </dialog>
  );
}
