import { useEffect, useId, useRef, useState } from "preact/hooks";
import { suggestions, wordBefore, type Suggestion } from "./complete";
import type { TableInfo } from "./tables";

/** A line's height and the inner margin, in px, as `sql.css` has them. */
const [LINE, MARGIN] = [20, 12];
/** No suggestion is chosen yet. */
const NONE = -1;

type Props = { text: string; known: readonly TableInfo[]; change: (text: string) => void; run: () => void };

/**
 * SQL in a text field with suggestions at the caret. Ctrl+Enter runs. With suggestions open, Tab takes the first, arrow keys choose another
 * that Enter or Tab takes, and Escape closes them; Enter alone stays a new line. Without them Tab leaves the field, as everywhere.
 */
export function Editor({ text, known, change, run }: Props) {
  const area = useRef<HTMLTextAreaElement>(null);
  const list = useId();
  const [open, setOpen] = useState<Suggestion[]>([]);
  const [chosen, setChosen] = useState(NONE);
  const caret = useRef<number | null>(null);

  useEffect(() => {
    if (caret.current !== null) area.current?.setSelectionRange(caret.current, caret.current);
    caret.current = null;
  }, [text]);

  function typed(field: HTMLTextAreaElement) {
    change(field.value);
    setOpen(suggestions(field.value, field.selectionStart, known));
    setChosen(NONE);
  }

  function take(suggestion: Suggestion) {
    const field = area.current!;
    const { start } = wordBefore(field.value, field.selectionStart);
    caret.current = start + suggestion.text.length;
    change(field.value.slice(0, start) + suggestion.text + field.value.slice(field.selectionStart));
    setOpen([]);
    field.focus();
  }

  function key(event: KeyboardEvent) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      setOpen([]);
      run();
    } else if (open.length === 0) {
      return;
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const from = chosen === NONE && event.key === "ArrowUp" ? 0 : chosen;
      setChosen((from + (event.key === "ArrowDown" ? 1 : open.length - 1)) % open.length);
    } else if ((event.key === "Enter" && chosen !== NONE) || (event.key === "Tab" && !event.shiftKey)) {
      take(open[Math.max(0, chosen)]!);
    } else if (event.key === "Escape") {
      setOpen([]);
    } else {
      if (event.key === "Enter") setOpen([]);
      return;
    }
    event.preventDefault();
  }

  return (
    <div class="sql-editor">
      <textarea
        ref={area}
        value={text}
        aria-label="SQL"
        placeholder="SELECT type, count(*) AS n FROM user_interactions GROUP BY type ORDER BY n DESC"
        spellcheck={false}
        autocomplete="off"
        autocapitalize="off"
        wrap="off"
        aria-autocomplete="list"
        aria-haspopup="listbox"
        aria-controls={list}
        aria-activedescendant={chosen !== NONE && open.length > 0 ? `${list}-${chosen}` : undefined}
        onInput={(event) => typed(event.currentTarget)}
        onKeyDown={key}
        onBlur={() => setOpen([])}
        onScroll={() => setOpen([])}
        onClick={() => setOpen([])}
      />
      <ul id={list} role="listbox" aria-label="Suggestions" hidden={open.length === 0} style={open.length > 0 ? atCaret(area.current!) : undefined}>
        {open.map((each, i) => (
          <li
            key={`${each.what} ${each.text}`}
            id={`${list}-${i}`}
            role="option"
            aria-selected={i === chosen}
            onMouseDown={(event) => {
              event.preventDefault(); // the field keeps the focus
              take(each);
            }}
          >
            <span>{each.text}</span>
            <small>{each.of ?? (each.what === "table" ? "table" : "")}</small>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** Below the word at the caret: every character of the field is as wide as the next. */
function atCaret(field: HTMLTextAreaElement): { left: string; top: string } {
  const { start } = wordBefore(field.value, field.selectionStart);
  const lines = field.value.slice(0, start).split("\n");
  const top = MARGIN + lines.length * LINE - field.scrollTop;
  return { left: `max(0px, min(calc(${MARGIN}px + ${lines.at(-1)!.length}ch - ${field.scrollLeft}px), 100% - 240px))`, top: `${top}px` };
}
