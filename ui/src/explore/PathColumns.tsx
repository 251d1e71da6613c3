import { count, withUnit } from "../format";
import { Empty } from "../panel/Empty";
import type { Cell } from "./Answers";
import type { Paths, Way } from "./questions";

type Props = Paths & { /** What the paths get to; empty: they may go anywhere. */ towards: string; open: (cell: Cell) => void };

/** Step by step, the ways that paths took, those that most took first; a click opens the users who went one. */
export function PathColumns({ paths, users, steps, towards, open }: Props) {
  if (paths === 0) {
    return (
      <Empty title="Nobody went such a way in this range">
        <span>Choose a longer one in the top bar, or other events.</span>
      </Empty>
    );
  }
  const most = Math.max(...steps.flatMap(({ ways }) => ways.map(({ paths }) => paths)), 1);
  return (
    <div class="paths" tabIndex={0} role="region" aria-label={`${count(paths)} paths of ${count(users)} users, step by step`}>
      {steps.map(({ step, paths, ways, other }) => (
        <section key={step} aria-label={`Step ${step}`}>
          <h3>
            Step {step} <small>{count(paths)} paths</small>
          </h3>
          <ol>
            {ways.map((way) => (
              <OneWay key={`${way.from} ${way.to}`} way={way} part={way.paths / most} of={paths} open={() => open(cellOf(step, way, towards))} />
            ))}
          </ol>
          {other.ways > 0 && (
            <p class="muted">
              {count(other.ways)} other ways, {count(other.paths)} paths
            </p>
          )}
        </section>
      ))}
    </div>
  );
}

const cellOf = (step: number, { from, to }: Way, towards: string): Cell => ({
  cell: { step, from, ...(to === null ? {} : { to }) },
  says: to === null ? (from === towards ? `got to ${from}` : `ended after ${from}`) : `from ${from} to ${to}`,
});

function OneWay({ way, part, of, open }: { way: Way; part: number; of: number; open: () => void }) {
  return (
    <li>
      <button type="button" class="plain" title={`${count(way.users)} users`} onClick={open}>
        <span class="funnel-name">
          <span>
            {way.from} <span class="muted">→</span> {way.to === null ? <em>ends</em> : <b>{way.to}</b>}
          </span>
          <span>
            {count(way.paths)} <small>{withUnit(((100 * way.paths) / Math.max(1, of)).toFixed(0), "%")}</small>
          </span>
        </span>
        <i class={way.to === null ? "ends" : ""} style={{ "--part": part }} />
      </button>
      {way.still_in > 0 && <small class="muted">{count(way.still_in)} may still go on</small>}
    </li>
  );
}
