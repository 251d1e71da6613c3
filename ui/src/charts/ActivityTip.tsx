import { change, compact, count, secondOfDay, signedPercent } from "../format";
import type { Pane } from "../live/data";
import { PANE } from "./activitySeries";

type Props = { start: number; pane: Pane; left: number; width: number };

/** What a pane holds, beside the cursor. */
export function ActivityTip({ start, pane, left, width }: Props) {
  const place = left > width * 0.6 ? { right: `${width - left + 14}px` } : { left: `${left + 14}px` };
  const offset = change(pane.y, pane.exp);
  return (
    <div class="tip" style={place} role="status">
      <div class="tip-title">
        {secondOfDay(start)}–{secondOfDay(start + PANE)}
        {pane.open && " · still open"}
      </div>
      <div>
        <i class="key-line" />
        Events <b>{count(pane.y)}</b>
      </div>
      {pane.lo !== null && pane.hi !== null && (
        <div class="muted">
          <i class="key-band" />
          Expected
          <b>
            {compact(Math.round(pane.lo))}–{compact(Math.round(pane.hi))}
          </b>
        </div>
      )}
      {pane.anom && (
        <div class="anomaly">
          ◇ {offset !== null && offset < 0 ? "Below" : "Above"} what was expected
          {offset !== null && <b>{signedPercent(offset)}</b>}
        </div>
      )}
      {pane.anom && pane.score !== null && (
        <div class="muted">
          Score <b>{pane.score.toFixed(1)}</b>
        </div>
      )}
    </div>
  );
}
