import { between, countedBy } from "../behind";
import { definitionsTopic } from "../definitions";
import { count, dayAndMinute, duration, signedPercent } from "../format";
import { useTopic } from "../ask/useTopic";
import type { Finding } from "../live/data";
import { Forecasts } from "./Forecasts";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import { href } from "../router";
import { Icon, type IconName } from "../shell/Icon";

const icons: Record<Finding["status"], IconName> = { rising: "up", falling: "down", together: "together", opposed: "opposed", learning: "clock" };
const KINDS = ["trend", "correlation"];

/** What trend and correlation watches have found: a sentence each, with what it rests on, and what is still learned. */
export function InsightsPage() {
  const topic = useTopic("insights");
  const watches = Object.values(definitionsTopic.data.value ?? {}).filter(({ kind }) => KINDS.includes(kind)).length;
  const all = Object.entries(topic.data.value ?? {}).sort(([, a], [, b]) => b.t - a.t);
  const found = all.filter(([, { status }]) => status !== "learning");
  const learning = all.filter(([, { status }]) => status === "learning");
  return (
    <>
      <div class="fill">
        <Panel
          title="What moves"
          topic={topic}
          shape="rows"
          note={`${count(watches)} ${watches === 1 ? "watch" : "watches"}; told when it changes, with the error rate that each watch allows`}
          isEmpty={() => found.length === 0}
          empty={<Nothing watches={watches} learning={learning.length} />}
        >
          {() => (
            <ul class="findings" tabIndex={0} aria-label="Findings, newest first">
              {found.map(([id, finding]) => (
                <One key={id} finding={finding} />
              ))}
            </ul>
          )}
        </Panel>
      </div>
      {learning.length > 0 && (
        <section class="strip-note calm" aria-label="Still learning">
          <Icon name="clock" />
          <span>
            {learning.length === 1 ? "One series has" : `${count(learning.length)} series have`} too few windows yet:{" "}
            {[...new Set(learning.map(([, { metric, aggregate }]) => `${metric}.${aggregate}`))].slice(0, 5).join(", ")}
          </span>
        </section>
      )}
      <Forecasts />
    </>
  );
}

function Nothing({ watches, learning }: { watches: number; learning: number }) {
  if (watches === 0) {
    return (
      <Empty title="Nothing is watched yet">
        <span>
          Define a trend or a correlation: <code>trends:</code> and <code>correlations:</code> in a configuration file, or{" "}
          <code>hindcast apply -f FILE</code>.
        </span>
      </Empty>
    );
  }
  return (
    <Empty title="Nothing moves beyond chance">
      <span>{learning > 0 ? "Some series are still too short to say." : "Every watched series is steady, and no pair moves together."}</span>
    </Empty>
  );
}

/** A finding leads to the metric over the span that it was found in. */
function One({ finding }: { finding: Finding }) {
  const { kind, watch, status, metric, aggregate, key, with_metric, t, since, value, lower, upper, change, p, n, message } = finding;
  const span = since === null ? {} : between(since, t);
  const facts = [
    kind === "trend" && value !== null && lower !== null && upper !== null && `slope ${figured(value)} an hour (${figured(lower)} to ${figured(upper)})`,
    kind === "correlation" && lower !== null && upper !== null && `coefficient between ${figured(lower)} and ${figured(upper)}`,
    p !== null && `p ${p < 0.001 ? "below 0.001" : p.toPrecision(2)}`,
    n !== null && `${count(n)} windows`,
    since !== null && `over ${duration(t - since)}`,
  ].filter(Boolean);
  return (
    <li>
      <span class={`finding-mark ${status}`}>
        <Icon name={icons[status]} />
      </span>
      <div>
        <a class="cell-link" href={href(["metrics", metric], { aggregate, ...span })}>
          <b>{message}</b>
        </a>
        <small>
          {facts.join(" · ")}
          {" · "}
          <a href={countedBy(metric, key, span).link}>what it counts</a>
          {with_metric && (
            <>
              {" · "}
              <a href={href(["metrics", with_metric], { aggregate: finding.with_aggregate ?? undefined, ...span })}>{with_metric}</a>
            </>
          )}
          {" · "}
          <a href={href(["definitions", kind, watch])}>watch</a>
        </small>
      </div>
      <span class="finding-change">
        {change === null ? "" : signedPercent(change)}
        <small>{dayAndMinute(t)}</small>
      </span>
    </li>
  );
}

const figured = (value: number) => Number(value.toPrecision(3)).toLocaleString("en").replace("-", "−");
