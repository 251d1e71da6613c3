import { useRef, useState } from "preact/hooks";
import type { Place, WidgetSpec } from "../definitions";
import { Icon } from "../shell/Icon";
import { AroundWidget } from "../widgets/context";
import { kindOf } from "../widgets/kinds";
import { Shown } from "../widgets/WidgetGrid";
import { COLUMNS, doubled, inOrder, moved, removed, resized, ROW, shifted, type Draft } from "./draft";
import type { History } from "./history";
import { unfinished } from "./types";

const GAP = 14;

type Props = { id: string; history: History; chosen: string | null; choose: (id: string | null) => void; say: (text: string) => void };

type Drag = { id: string; how: "move" | "size"; startX: number; startY: number; place: Place; draft: Draft };

export const titleOf = (widget: WidgetSpec) => widget.title ?? kindOf(widget.type).title(widget);

/** The widgets in their places, to be dragged, resized and chosen; by the mouse, a finger, or the keyboard. */
export function Board({ id, history, chosen, choose, say }: Props) {
  const board = useRef<HTMLDivElement>(null);
  const [drag, setDrag] = useState<Drag | null>(null);
  const draft = drag?.draft ?? history.draft;

  function begin(event: PointerEvent, widget: string, how: Drag["how"]) {
    if (event.button !== 0) return;
    event.preventDefault();
    (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
    choose(widget);
    const place = history.draft.places.find((each) => each.widget === widget)!;
    setDrag({ id: widget, how, startX: event.clientX, startY: event.clientY, place, draft: history.draft });
  }

  function follow(event: PointerEvent) {
    if (!drag) return;
    const width = (board.current!.clientWidth + GAP) / COLUMNS;
    const [dx, dy] = [Math.round((event.clientX - drag.startX) / width), Math.round((event.clientY - drag.startY) / ROW)];
    const { x, y, w, h } = drag.place;
    const next = drag.how === "move" ? moved(history.draft, drag.id, x + dx, y + dy) : resized(history.draft, drag.id, w + dx, h + dy);
    setDrag({ ...drag, draft: next });
  }

  function drop() {
    if (!drag) return;
    history.change(() => drag.draft);
    setDrag(null);
  }

  function remove(widget: string) {
    const title = titleOf(history.draft.widgets.find((each) => each.id === widget)!);
    history.change((draft) => removed(draft, widget));
    choose(null);
    say(`${title} is removed. Ctrl-Z brings it back.`);
  }

  function key(event: KeyboardEvent, widget: string) {
    if (event.target !== event.currentTarget) return;
    const place = history.draft.places.find((each) => each.widget === widget)!;
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (by && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      const [dx, dy] = by as [number, number];
      const change = (draft: Draft) =>
        event.shiftKey ? resized(draft, widget, place.w + dx, place.h + dy) : dy > 0 ? lower(draft, widget) : moved(draft, widget, place.x + dx, place.y + dy);
      const next = change(history.draft).places.find((each) => each.widget === widget)!;
      history.change(change, `key ${widget}`);
      say(event.shiftKey ? `${next.w} of 12 columns wide, ${next.h} rows high` : `column ${next.x + 1}, row ${next.y + 1}`);
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      choose(widget);
    } else if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      remove(widget);
    } else if (event.key === "Escape") choose(null);
  }

  const rows = Math.max(6, ...draft.places.map(({ y, h }) => y + h + 1));
  return (
    <AroundWidget.Provider value={{ dashboard: id, filters: {} }}>
      <div ref={board} class="board editing" data-dragging={drag !== null} style={{ minHeight: `${rows * ROW}px` }} onPointerDown={(event) => event.target === event.currentTarget && choose(null)}>
        {inOrder(draft.places).map((place) => {
          const widget = draft.widgets.find((each) => each.id === place.widget);
          if (!widget) return null;
          const title = titleOf(widget);
          return (
            <div
              key={widget.id}
              class="cell frame"
              role="group"
              tabIndex={0}
              data-chosen={chosen === widget.id}
              data-moving={drag?.id === widget.id}
              aria-label={`${title}, ${widget.type}. Column ${place.x + 1}, row ${place.y + 1}, ${place.w} wide, ${place.h} high. Arrow keys move it, with Shift they resize it, Enter shows its options, Delete removes it.`}
              style={{ "--x": `${place.x + 1} / span ${place.w}`, "--y": `${place.y + 1} / span ${place.h}`, "--height": `${place.h * ROW - GAP}px` }}
              onKeyDown={(event) => key(event, widget.id)}
              onFocus={(event) => event.target === event.currentTarget && chosen !== null && chosen !== widget.id && choose(widget.id)}
            >
              <div class="frame-shown" inert>
                {unfinished(widget) ? (
                  <section class="panel" aria-label={title}>
                    <div class="message">
                      <b>{title}</b>
                      <span>{unfinished(widget)}</span>
                    </div>
                  </section>
                ) : (
                  <Shown widget={widget} />
                )}
              </div>
              <div class="frame-grip" title="Drag to move" onPointerDown={(event) => begin(event, widget.id, "move")} onPointerMove={follow} onPointerUp={drop} onPointerCancel={() => setDrag(null)} />
              <div class="frame-tools">
                <button type="button" class="button square small earlier" aria-label={`Move ${title} earlier`} onClick={() => history.change((draft) => shifted(draft, widget.id, -1))}>
                  ↑
                </button>
                <button type="button" class="button square small later" aria-label={`Move ${title} later`} onClick={() => history.change((draft) => shifted(draft, widget.id, 1))}>
                  ↓
                </button>
                <button type="button" class="button small" aria-label={`Options of ${title}`} onClick={() => choose(widget.id)}>
                  Options
                </button>
                <button
                  type="button"
                  class="button square small"
                  aria-label={`Double ${title}`}
                  title="The same again"
                  onClick={() => {
                    const made = doubled(history.draft, widget.id);
                    history.change(() => made.draft);
                    choose(made.id);
                  }}
                >
                  <Icon name="copy" />
                </button>
                <button type="button" class="button square small" aria-label={`Remove ${title}`} title="Remove" onClick={() => remove(widget.id)}>
                  ×
                </button>
              </div>
              <div class="frame-corner" title="Drag to resize" onPointerDown={(event) => begin(event, widget.id, "size")} onPointerMove={follow} onPointerUp={drop} onPointerCancel={() => setDrag(null)} />
            </div>
          );
        })}
      </div>
    </AroundWidget.Provider>
  );
}

/** One row down; as what lies free goes up again, it changes places with the first that lies below it. */
function lower(draft: Draft, id: string): Draft {
  const place = draft.places.find((each) => each.widget === id)!;
  const below = inOrder(draft.places).find(({ widget, x, w, y }) => widget !== id && y >= place.y + place.h && x < place.x + place.w && place.x < x + w);
  return below ? moved(draft, id, place.x, below.y + below.h) : draft;
}
