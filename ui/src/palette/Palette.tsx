import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { live } from "../live";
import { go } from "../router";
import { found, known, searched, type Item } from "./items";
import { paletteOpen } from "./open";

const REST_MS = 220;
const LEAST = 2;

/** Finds pages, dashboards, metrics, rules, events and users by their names, and goes there. */
export function Palette() {
  const dialog = useRef<HTMLDialogElement>(null);
  const list = useRef<HTMLUListElement>(null);
  const [typed, setTyped] = useState("");
  const [at, setAt] = useState(0);
  const [more, setMore] = useState<{ typed: string; items: Item[] }>({ typed: "", items: [] });
  useEffect(() => dialog.current?.showModal(), []);
  useEffect(() => live.follow("top_events"), []);
  const all = useMemo(known, []);
  const text = typed.trim();
  useEffect(() => {
    if (text.length < LEAST) return;
    const timer = setTimeout(() => {
      searched(text).then(
        (items) => setMore({ typed: text, items }),
        () => setMore({ typed: text, items: [] }),
      );
    }, REST_MS);
    return () => clearTimeout(timer);
  }, [text]);
  const looking = text.length >= LEAST && more.typed !== text;
  const shown = useMemo(() => {
    const here = found(all, text);
    const names = new Set(here.map(({ group, name }) => `${group} ${name}`));
    const others = text.length >= LEAST && more.typed !== "" ? more.items.filter(({ group, name }) => !names.has(`${group} ${name}`) && (more.typed === text || name.toLowerCase().includes(text.toLowerCase()))) : [];
    const groups = [...new Set([...here, ...others].map(({ group }) => group))];
    return groups.flatMap((group) => [...here, ...others].filter((item) => item.group === group));
  }, [all, text, more]);
  useEffect(() => setAt(0), [text]);
  const chosen = Math.min(at, shown.length - 1);

  function take(item: Item | undefined) {
    if (!item) return;
    dialog.current?.close();
    if (item.link) go(item.link);
    item.run?.();
  }

  function key(event: KeyboardEvent) {
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
    if (by && shown.length > 0) {
      event.preventDefault();
      const next = Math.abs(by) === 1 ? (chosen + by + shown.length) % shown.length : Math.min(shown.length - 1, Math.max(0, chosen + by));
      setAt(next);
      list.current?.querySelector(`#found-${next}`)?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter") {
      event.preventDefault();
      take(shown[chosen]);
    }
  }

  return (
    <dialog ref={dialog} class="palette" aria-label="Find" onClose={() => (paletteOpen.value = false)} onClick={(event) => event.target === dialog.current && dialog.current?.close()}>
      <input
        role="combobox"
        aria-expanded="true"
        aria-controls="found"
        aria-activedescendant={shown.length > 0 ? `found-${chosen}` : undefined}
        aria-label="Find a page, dashboard, metric, rule, event or user"
        placeholder="Find a page, dashboard, metric, rule, event or user"
        autocomplete="off"
        spellcheck={false}
        value={typed}
        onInput={(event) => setTyped(event.currentTarget.value)}
        onKeyDown={key}
      />
      <ul id="found" ref={list} role="listbox" aria-label="Found">
        {shown.map((item, i) => (
          <li key={`${item.group} ${item.name} ${item.detail ?? ""}`} id={`found-${i}`} role="option" aria-selected={i === chosen} data-first={shown[i - 1]?.group !== item.group ? item.group : undefined} onClick={() => take(item)} onPointerMove={() => setAt(i)}>
            <span>{item.name}</span>
            {item.detail && item.detail !== item.name && <small>{item.detail}</small>}
            <em>{item.group}</em>
          </li>
        ))}
      </ul>
      <p class="palette-foot" role="status">
        {looking ? "Looking among users and events…" : shown.length === 0 ? `Nothing is called “${text}”. Users and events are looked for in the last 30 days.` : "↑ ↓ to choose, Enter to go there, Escape to close"}
      </p>
    </dialog>
  );
}
