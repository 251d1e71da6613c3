import { Lines } from "../charts/Lines";
import { count, dayOf, duration, figure, secondsOf, withUnit } from "../format";
import { href } from "../router";
import { Empty } from "../panel/Empty";
import { PathColumns } from "./PathColumns";
import type { Answered, Asked, Cohort, Funnel, Paths, Retention, Trends, Users } from "./questions";

export type Cell = { cell: Record<string, unknown>; says: string };
type Open = (cell: Cell) => void;

const percent = (rate: number | null) => (rate === null ? "–" : withUnit((100 * rate).toFixed(1), "%"));
const MOST_LINES = 6;

/** The answer to a question, drawn as its kind is; a click on a figure opens the users behind it. */
export function Drawn({ asked, answer, open }: { asked: Asked; answer: Answered; open: Open }) {
  switch (asked.ask) {
    case "trends":
      return <TrendLines {...(answer as unknown as Trends)} open={open} />;
    case "funnel":
      return <FunnelBars {...(answer as unknown as Funnel)} open={open} />;
    case "retention":
      return <RetentionGrid {...(answer as unknown as Retention)} open={open} />;
    case "users":
      return <UserLines {...(answer as unknown as Users)} open={open} />;
    case "paths":
      return <PathColumns {...(answer as unknown as Paths)} towards={asked.events[1] ?? ""} open={open} />;
    case "cohort":
      return <Members {...(answer as unknown as Cohort)} open={open} />;
  }
}

function TrendLines({ series, open }: Trends & { open: Open }) {
  const shown = [...series].sort((a, b) => b.total - a.total).slice(0, MOST_LINES);
  const times = shown[0]?.points.map(({ bucket }) => secondsOf(bucket)) ?? [];
  if (times.length === 0) return <Empty title="No events in this range"> </Empty>;
  const name = (line: Trends["series"][number]) => [line.name, line.other ? "others" : line.breakdown].filter(Boolean).join(" · ");
  const lines = shown.map((line) => ({ name: `${name(line)}, ${figure(line.total)}`, values: line.points.map(({ value }) => value), write: figure }));
  const cellOf = (time: number, line: number): Cell => {
    const chosen = shown[line]!;
    const bucket = chosen.points[times.indexOf(time)]?.bucket;
    const part = chosen.other ? { other: true } : chosen.breakdown === undefined ? {} : { breakdown: chosen.breakdown };
    return { cell: { series: series.indexOf(chosen), bucket, ...part }, says: `${name(chosen)}, ${dayOf(time)}` };
  };
  return <Lines label="Events over time" times={times} lines={lines} open={(time, line) => open(cellOf(time, line))} />;
}

function UserLines({ points, open }: Users & { open: Open }) {
  const times = points.map(({ bucket }) => secondsOf(bucket));
  const lines = [
    { name: "active", values: points.map(({ users }) => users), write: figure },
    { name: "new", values: points.map((each) => each.new), write: figure },
  ];
  const cellOf = (time: number, line: number): Cell => {
    const bucket = points[times.indexOf(time)]?.bucket;
    return { cell: line === 1 ? { bucket, new: true } : { bucket }, says: `${lines[line]!.name} users, ${dayOf(time)}` };
  };
  return <Lines label="Users over time" times={times} lines={lines} open={(time, line) => open(cellOf(time, line))} />;
}

export function FunnelBars({ groups, open }: Funnel & { open?: Open }) {
  return (
    <div class="funnels" tabIndex={0} role="region" aria-label="Steps of the funnel">
      {groups.map((group, i) => {
        const part = group.other ? { other: true } : group.breakdown === undefined ? {} : { breakdown: group.breakdown };
        const title = group.other ? "others" : (group.breakdown ?? (groups.length > 1 ? "all users" : undefined));
        const cell = (step: number, outcome: string, says: string) => open?.({ cell: { step, outcome, ...part }, says: title ? `${says}, ${title}` : says });
        return (
          <section key={i} aria-label={title ?? "All users"}>
            {title !== undefined && (
              <h3>
                {title || "none"} <small>{percent(group.rate)}</small>
              </h3>
            )}
            <ol class="funnel">
              {group.steps.map((step) => (
                <li key={step.step}>
                  <button type="button" class="plain" disabled={!open} title={open && "The users who reached it"} onClick={() => cell(step.step, "reached", `reached ${step.name}`)}>
                    <span class="funnel-name">
                      <b>{step.name}</b>
                      <span>
                        {count(step.users)} <small>{percent(step.rate)}</small>
                      </span>
                    </span>
                    <i style={{ "--part": group.users > 0 ? step.users / group.users : 0 }} />
                  </button>
                  <small class="funnel-facts">
                    {step.rate_from_previous !== null && <span>{percent(step.rate_from_previous)} of the step before</span>}
                    {step.median_s !== null && step.step > 1 && <span>median {duration(step.median_s)} from the first</span>}
                    {step.dropped > 0 && (
                      <button type="button" class="plain link" disabled={!open} onClick={() => cell(step.step, "dropped", `dropped out after ${step.name}`)}>
                        {count(step.dropped)} dropped out here
                      </button>
                    )}
                    {step.still_in > 0 && (
                      <button type="button" class="plain link" disabled={!open} onClick={() => cell(step.step, "still_in", `still in after ${step.name}`)}>
                        {count(step.still_in)} may still go on
                      </button>
                    )}
                    {step.excluded > 0 && <span>{count(step.excluded)} excluded</span>}
                  </small>
                </li>
              ))}
            </ol>
          </section>
        );
      })}
    </div>
  );
}

function Members({ cohort, users, open }: Cohort & { open: Open }) {
  return (
    <div class="members">
      <button type="button" class="plain link" disabled={users === 0} onClick={() => open({ cell: {}, says: `in ${cohort}` })}>
        <b>{count(users)}</b> {users === 1 ? "user is" : "users are"} in {cohort}
      </button>
      <a class="button small" href={href(["definitions", "cohort", cohort])}>
        What makes one of them
      </a>
    </div>
  );
}

export function RetentionGrid({ cohorts, interval, open }: Retention & { open?: Open }) {
  const shown = cohorts.filter(({ users }) => users > 0);
  if (shown.length === 0) return <Empty title="Nobody began in this range"> </Empty>;
  const periods = Math.max(...shown.map(({ periods }) => periods.length));
  return (
    <div class="table" tabIndex={0} role="region" aria-label="Cohorts by the time they began">
      <table class="retention">
        <thead>
          <tr>
            <th scope="col">Began</th>
            <th scope="col" class="numeric">
              Users
            </th>
            {Array.from({ length: periods }, (_, i) => (
              <th key={i} scope="col" class="numeric">
                {interval} {i}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map(({ cohort, users, periods }) => (
            <tr key={cohort}>
              <th scope="row">{dayOf(secondsOf(cohort))}</th>
              <td class="numeric">{count(users)}</td>
              {periods.map(({ period, rate, users, complete }) => (
                <td key={period} class="numeric" style={{ "--part": rate ?? 0 }}>
                  {users ? (
                    <button type="button" class="plain" disabled={!open} title={`${count(users)} users${complete ? "" : ", not over yet"}`} onClick={() => open?.({ cell: { cohort, period }, says: `${interval} ${period} of those who began ${dayOf(secondsOf(cohort))}` })}>
                      {percent(rate)}
                      {!complete && "*"}
                    </button>
                  ) : (
                    <span class="muted">{rate === null ? "–" : percent(rate)}</span>
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <p class="muted">* not over yet</p>
    </div>
  );
}
