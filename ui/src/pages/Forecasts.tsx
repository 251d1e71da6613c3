import { useMemo } from "preact/hooks";
import { useTopic } from "../ask/useTopic";
import { Lines, type Line } from "../charts/Lines";
import { definitionsTopic, unitOf } from "../definitions";
import { count, dayAndMinute, minorUnits, signedPercent } from "../format";
import type { Forecast } from "../live/data";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import { href } from "../router";
import { written } from "../widgets/Metric";

/** What comes next of each metric that is forecast: a sentence, a chart with the band, and how good it was so far. */
export function Forecasts() {
  const topic = useTopic("forecasts");
  const all = Object.entries(topic.data.value ?? {}).sort(([a], [b]) => a.localeCompare(b));
  const watches = Object.values(definitionsTopic.data.value ?? {}).filter(({ kind }) => kind === "forecast").length;
  return (
    <Panel
      title="What comes next"
      topic={topic}
      shape="rows"
      note="forecasts, made anew again and again, with the band that outcomes are meant to stay in"
      isEmpty={() => all.length === 0}
      empty={<Nothing watches={watches} />}
    >
      {() => (
        <ul class="forecasts" aria-label="Forecasts">
          {all.map(([id, forecast]) => (
            <One key={id} forecast={forecast} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Nothing({ watches }: { watches: number }) {
  if (watches > 0) {
    return (
      <Empty title="The first forecasts are being made">
        <span>They are here within a minute.</span>
      </Empty>
    );
  }
  return (
    <Empty title="Nothing is forecast yet">
      <span>
        Define a forecast: <code>forecasts:</code> in a configuration file, or <code>hindcast apply -f FILE</code>.
      </span>
    </Empty>
  );
}

/** A forecast leads to its metric. */
function One({ forecast }: { forecast: Forecast }) {
  const { watch, metric, aggregate, key, made, level, n, error, naive_error } = forecast;
  const unit = unitFor(forecast);
  const facts = [
    level !== null && forecast.t.length > 0 && `band of ${count(level)} %`,
    n > 0 && `from ${count(n)} ${n === 1 ? "step" : "steps"}`,
    error !== null && `off by ${written(error, unit, key)} on average so far${beside(error, naive_error)}`,
    `made ${dayAndMinute(made)}`,
  ].filter(Boolean);
  return (
    <li>
      <a class="cell-link" href={href(["metrics", metric], { aggregate })}>
        <b>{sentence(forecast, unit)}</b>
      </a>
      <small>
        {facts.join(" · ")}
        {" · "}
        <a href={href(["definitions", "forecast", watch])}>definition</a>
      </small>
      {forecast.t.length > 0 && <Course forecast={forecast} unit={unit} />}
    </li>
  );
}

/** Amounts are in minor units, which nobody reads: their figures are written here, others as they were recorded. */
function sentence(forecast: Forecast, unit: string | undefined): string {
  const { message, metric, key, expected, lower, upper } = forecast;
  if (unit !== "money" || expected.length === 0) return message;
  const [next, low, high] = [expected[0]!, lower[0]!, upper[0]!].map((value) => written(value, unit, key));
  const [, more] = message.split("; ");
  return `${metric} of ${key}: ${next} expected next, ${low} to ${high}${more ? `; ${more}` : ""}`;
}

const beside = (error: number, naive: number | null) =>
  naive === null || naive <= 0 ? "" : ` (${signedPercent(error / naive - 1)} beside the last season again)`;

const unitFor = ({ metric, aggregate }: Forecast) => (aggregate === "count" || aggregate === "distinct" ? undefined : unitOf(metric));

function Course({ forecast, unit }: { forecast: Forecast; unit: string | undefined }) {
  const { metric, aggregate, key, past, known, t, expected, lower, upper } = forecast;
  const times = useMemo(() => [...past, ...t], [forecast]);
  const lines = useMemo<Line[]>(() => {
    const size = unit === "money" ? minorUnits(key) : 1;
    const write = (value: number) => written(value * size, unit, key);
    const before = past.map(() => null);
    const ahead = (values: number[]) => [...before, ...values.map((value) => value / size)];
    return [
      { name: "was", values: [...known.map((value) => (value === null ? null : value / size)), ...t.map(() => null)], write },
      { name: "expected", values: ahead(expected), write },
      { name: "at least", values: ahead(lower), dashed: true, write },
      { name: "at most", values: ahead(upper), dashed: true, write },
    ];
  }, [forecast, unit]);
  return (
    <div class="forecast-course">
      <Lines times={times} lines={lines} label={`Forecast of ${metric}.${aggregate}${key ? ` of ${key}` : ""}`} />
    </div>
  );
}
