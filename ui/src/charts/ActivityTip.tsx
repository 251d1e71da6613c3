import { change, compact, count, dayAndMinute, secondOfDay, signedPercent } from "../format";
import type { Pane } from "../live/data";

type Props = {
  start: number;
  /** Seconds. */
  length: number;
  pane: Pane;
  before: number | null;
  /** What `before` is, in words. */
  comparison: string;
  left: number;
  width: number;
};

const MINUTES = 60;

/** What a pane holds, beside the cursor. */
export function ActivityTip({ start, length, pane, before, comparison, left, width }: Props) {
  const place = left > width * 0.6 ? { right: `${width - left + 14}px` } : { left: `${left + 14}px` };
  const offset = change(pane.y, pane.exp);
  const at = length < MINUTES ? secondOfDay : dayAndMinute;
  return (
    <div class="tip" style={place} role="status">
      <div class="tip-title">
        {at(start)}–{at(start + length)}
        {pane.open && " · still open"}
      </div>
      <div>
        <i class="key-line" />
        Events <b>{count(pane.y)}</b>
      </div>
      {before !== null && (
        <div class="muted">
          <i class="key-before" />
          {comparison}
          <b>{count(Math.round(before))}</b>
        </div>
      )}
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
      <div class="tip-foot">Click, or Enter: its events</div>
    </div>
  );
}
