import { useState } from "preact/hooks";
import { askWeek } from "../ask/activity";
import { useOverRange } from "../ask/useOverRange";
import { between } from "../behind";
import { compact, count } from "../format";
import { DataTable } from "../panel/DataTable";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import { followsLive, range } from "../range";
import { go, href } from "../router";
import { shared } from "../shared/mode";
import { clock } from "../moment";
import { clampAt, stepOf, STEPS } from "./heatScale";
import type { Kind, Props } from "./kind";

const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const HOURS = Array.from({ length: 24 }, (_, hour) => hour);

type Counts = Record<string, number>;
type Cell = { day: number; hour: number };

const countAt = (counts: Counts, { day, hour }: Cell) => counts[`${day}-${hour}`] ?? 0;
const twoDigits = (hour: number) => String(hour).padStart(2, "0");

const HOUR = 3_600;
const THURSDAY = 3; // 1 January 1970 was one

/** The newest hour that is that one of the week, in unix seconds. */
function newest({ day, hour }: Cell, until: number): number {
  const last = Math.floor(until / HOUR);
  const behind = (((Math.floor(last / 24) + THURSDAY) % 7) - day) * 24 + (last % 24) - hour;
  return (last - ((behind % 168) + 168) % 168) * HOUR;
}

/** Its events: those of the newest such hour. */
function open(cell: Cell) {
  const start = newest(cell, range.value.span ? clock.peek() / 1_000 : Number(range.value.until) - 1);
  go(href(["events"], between(start, start + HOUR)));
}

/** When in the week people are active: over the last four weeks, or over a longer range of the top bar. */
export function Heat({ title }: Props) {
  const topic = useOverRange("activity_heat", askWeek);
  return (
    <Panel
      title={title}
      topic={topic}
      shape="grid"
      note={followsLive.value ? "last 4 weeks" : range.value.label}
      isEmpty={(counts) => Object.keys(counts).length === 0}
      empty={
        <Empty title="No events yet">
          <span>{followsLive.value ? "The week fills in as events arrive." : "Choose another range in the top bar."}</span>
        </Empty>
      }
      table={(counts) => <HeatTable counts={counts} />}
    >
      {(counts) => <HeatMap counts={counts} what="events" write={count} open={shared ? undefined : open} />}
    </Panel>
  );
}

const moves: Record<string, Cell> = {
  ArrowLeft: { day: 0, hour: -1 },
  ArrowRight: { day: 0, hour: 1 },
  ArrowUp: { day: -1, hour: 0 },
  ArrowDown: { day: 1, hour: 0 },
};

type HeatMapProps = { counts: Counts; /** What is counted. */ what: string; write: (value: number) => string; open?: (cell: Cell) => void };

/** A colour for each hour of the week, read by the mouse or the arrow keys. */
export function HeatMap({ counts, what, write, open }: HeatMapProps) {
  const [at, setAt] = useState<Cell | null>(null);
  const clamp = clampAt(Object.values(counts));

  function move(event: KeyboardEvent) {
    if (event.key === "Enter" && at) return open?.(at);
    const by = moves[event.key];
    if (!by) return;
    event.preventDefault();
    const from = at ?? { day: 0, hour: 9 };
    setAt({ day: (from.day + by.day + 7) % 7, hour: (from.hour + by.hour + 24) % 24 });
  }

  return (
    <div class="heat">
      <div
        class="heat-grid"
        tabIndex={0}
        role="application"
        aria-roledescription="heat map"
        aria-label={`${what[0]!.toUpperCase()}${what.slice(1)} by weekday and hour, UTC. Use the arrow keys to read values${open ? ", and Enter to open the newest such hour" : ""}.`}
        onKeyDown={move}
        onMouseLeave={() => setAt(null)}
        onBlur={() => setAt(null)}
      >
        {DAYS.map((name, day) => (
          <>
            <span class="heat-day">{name}</span>
            {HOURS.map((hour) => (
              <i
                key={hour}
                class={`step-${stepOf(countAt(counts, { day, hour }), clamp)}`}
                data-on={at?.day === day && at.hour === hour}
                onMouseEnter={() => setAt({ day, hour })}
                onClick={() => open?.({ day, hour })}
              />
            ))}
          </>
        ))}
        <span />
        {HOURS.map((hour) => (
          <span key={hour} class="heat-hour">
            {hour % 6 === 0 ? twoDigits(hour) : ""}
          </span>
        ))}
      </div>
      <div class="heat-foot">
        <span role="status">
          {at ? (
            <>
              {DAYS[at.day]} {twoDigits(at.hour)}:00 · <b>{write(countAt(counts, at))}</b> {what}
            </>
          ) : (
            "UTC"
          )}
        </span>
        <span class="ramp">
          0{" "}
          {Array.from({ length: STEPS }, (_, i) => (
            <i key={i} class={`step-${i + 1}`} />
          ))}{" "}
          {compact(clamp)}+
        </span>
      </div>
    </div>
  );
}

export function HeatTable({ counts }: { counts: Counts }) {
  return (
    <DataTable
      label="Events by hour (UTC) and weekday"
      rows={HOURS}
      rowKey={(hour) => hour}
      columns={[
        { title: "UTC", cell: (hour) => `${twoDigits(hour)}:00` },
        ...DAYS.map((title, day) => ({
          title,
          numeric: true,
          cell: (hour: number) => compact(countAt(counts, { day, hour })),
        })),
      ]}
    />
  );
}

export const heatKind: Kind = {
  type: "heat",
  title: () => "Activity by weekday and hour",
  reads: "activity_heat",
  place: { w: 4, height: 302 },
  component: Heat,
};
