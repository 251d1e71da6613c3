import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

/** A key that acts on the whole page. `keys` are `KeyboardEvent.key` values; `label` is what the help shows. */
export type Shortcut = { keys: string[]; label: string; does: string; run: (key: string) => void };

/** Those of the mounted components, in the order they were mounted. */
export const shortcuts = signal<readonly Shortcut[]>([]);

/** Registers shortcuts while the component is mounted. Their number and keys must not change between renders. */
export function useShortcuts(list: Shortcut[]) {
  const latest = useRef(list);
  latest.current = list;
  useEffect(() => {
    const mine = latest.current.map((shortcut, i) => ({
      ...shortcut,
      run: (key: string) => latest.current[i]?.run(key),
    }));
    shortcuts.value = [...shortcuts.peek(), ...mine];
    return () => {
      shortcuts.value = shortcuts.peek().filter((shortcut) => !mine.includes(shortcut));
    };
  }, []);
}

export function listenForShortcuts() {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target instanceof Element && event.target.closest("input, textarea, select, dialog")) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const shortcut = shortcuts.peek().find((candidate) => candidate.keys.includes(key));
    if (!shortcut) return;
    // Enter is the browser's own wherever it does something by itself.
    if (key === "Enter" && event.target instanceof Element && event.target.closest("a, button")) return;
    event.preventDefault();
    shortcut.run(key);
  });
}
