import { useEffect, useState } from "preact/hooks";
import type { DashboardSpec } from "../definitions";
import { useShortcuts } from "../shortcuts";
import { FilterBar, filtersHere } from "../widgets/FilterBar";
import { WidgetGrid } from "../widgets/WidgetGrid";

type Shown = DashboardSpec & { id: string };

/** Several dashboards in turn; the space bar, or its button, holds the one that is shown. */
export function Rotation({ boards, every }: { boards: Shown[]; every: number }) {
  const [at, setAt] = useState(0);
  const [held, setHeld] = useState(false);
  const turning = boards.length > 1 && !held;
  const step = (by: number) => setAt((now) => (now + by + boards.length) % boards.length);
  useShortcuts([
    { keys: [" "], label: "Space", does: "hold the dashboard that is shown, or go on", run: () => setHeld((now) => !now) },
    { keys: ["ArrowRight", "ArrowLeft"], label: "← →", does: "the next dashboard, or the one before", run: (key) => step(key === "ArrowRight" ? 1 : -1) },
  ]);
  useEffect(() => {
    if (!turning) return;
    const timer = setTimeout(() => step(1), every * 1_000);
    return () => clearTimeout(timer);
  }, [at, turning, every]);
  const board = boards[at % boards.length]!;
  return (
    <>
      <div class="rotation">
        <h2>{board.name}</h2>
        {boards.length > 1 && (
          <div class="rotation-tools" role="group" aria-label="Dashboards in turn">
            <button type="button" class="button square small" aria-label="The one before" onClick={() => step(-1)}>
              ‹
            </button>
            <button type="button" class="button small" aria-pressed={held} onClick={() => setHeld(!held)}>
              {held ? "Go on" : "Hold"}
            </button>
            <button type="button" class="button square small" aria-label="The next one" onClick={() => step(1)}>
              ›
            </button>
            <span class="muted">
              {at + 1} of {boards.length}
              {turning && `, ${every} s each`}
            </span>
            {turning && <i key={at} class="rotation-time" style={{ "--for": `${every}s` }} />}
          </div>
        )}
      </div>
      {board.filters && board.filters.length > 0 && <FilterBar filters={board.filters} />}
      <WidgetGrid key={board.id} dashboard={board} id={board.id} filters={filtersHere(board.filters)} />
    </>
  );
}
