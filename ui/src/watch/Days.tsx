import { DAYS, type Active } from "./rule";

const OFFICE: Active = { days: DAYS.slice(0, 5), from: "08:00", to: "18:00", time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC" };

/** The hours in which a rule is judged. */
export function Days({ active, change }: { active: Active | null; change: (active: Active | null) => void }) {
  return (
    <fieldset class="wide">
      <legend>Hours</legend>
      <label>
        <input type="checkbox" checked={active !== null} onChange={({ currentTarget }) => change(currentTarget.checked ? OFFICE : null)} />
        only at certain hours
      </label>
      {active && (
        <>
          {DAYS.map((day) => (
            <label key={day}>
              <input
                type="checkbox"
                checked={active.days.includes(day)}
                onChange={({ currentTarget }) => change({ ...active, days: DAYS.filter((one) => (one === day ? currentTarget.checked : active.days.includes(one))) })}
              />
              {day}
            </label>
          ))}
          <label>
            from <input type="time" required value={active.from} onInput={(event) => change({ ...active, from: event.currentTarget.value })} />
          </label>
          <label>
            to <input type="time" required value={active.to === "24:00" ? "00:00" : active.to} onInput={(event) => change({ ...active, to: event.currentTarget.value })} />
          </label>
          <label>
            in <input required aria-label="Time zone" value={active.time_zone} onInput={(event) => change({ ...active, time_zone: event.currentTarget.value })} />
          </label>
        </>
      )}
    </fieldset>
  );
}
