import { useEffect, useRef } from "preact/hooks";
import { between } from "../behind";
import { count, dayAndMinute, secondsOf } from "../format";
import { href } from "../router";
import { changed, figureOf, KPIS, percent, said, type Behind, type Summary } from "./summary";

/** What a KPI means, by which version of its definition, what it is made of, and where its events are. */
export function Meaning({ name, summary, close }: { name: string; summary: Summary; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const { kpis, trends, currency, period, comparisons, business, drivers } = summary;
  const kpi = kpis[name]!;
  const trend = trends[name]!;
  const meant = kpi.definition;
  const value = figureOf(kpi);
  const span = between(secondsOf(period.since), secondsOf(period.until));
  const types = typesBehind(name, drivers);
  return (
    <dialog ref={dialog} class="drawer" aria-label={`${KPIS[name]!.title}: what it means`} onClose={close}>
      <header>
        <h2>{KPIS[name]!.title}</h2>
        <button type="button" class="button small" onClick={() => dialog.current?.close()}>
          Close
        </button>
      </header>
      <div class="drawer-body">
        <p class="meaning-figure">
          <b>{said(name, value, currency)}</b>{" "}
          <span>
            {dayAndMinute(secondsOf(period.since))} to {dayAndMinute(secondsOf(period.until))}, {period.zone}
          </span>
        </p>
        <h3>Definition</h3>
        <p>
          {meant.meaning}. <small>{`${meant.name}, version ${meant.version}, ${meant.domain === "any" ? "for every business" : `for a ${meant.domain} business`}`}</small>
        </p>
        <p>
          Which events that are, says <a href={href(["definitions", "business", business])}>the definition of {summary.title}</a>.
        </p>
        <h3>What it is made of</h3>
        <dl class="meaning">
          {kpi.denominator !== undefined && (
            <Fact title="Counted">{`${count(kpi.numerator ?? 0)} of ${count(kpi.denominator)}`}</Fact>
          )}
          {kpi.interval && kpi.interval[0] !== null && (
            <Fact title="95 % interval">
              {`${said(name, kpi.interval[0], currency)} to ${kpi.interval[1] === null ? "without end" : said(name, kpi.interval[1], currency)}`}
            </Fact>
          )}
          {kpi.spend !== undefined && <Fact title="Spent">{said("revenue", kpi.spend, currency)}</Fact>}
          {kpi.new_customers !== undefined && <Fact title="New customers">{count(kpi.new_customers)}</Fact>}
          {kpi.payers !== undefined && <Fact title="Users who paid">{count(kpi.payers)}</Fact>}
          {kpi.parts &&
            Object.entries(kpi.parts).map(([part, rate]) => (
              <Fact key={part} title={part}>
                {rate?.value == null ? "not known" : `${percent(rate.value)}: ${count(rate.numerator)} of ${count(rate.denominator)}`}
              </Fact>
            ))}
          {kpi.by_currency &&
            Object.entries(kpi.by_currency).map(([code, minor]) => (
              <Fact key={code} title={`Paid in ${code}`}>
                {said("revenue", minor, code)}
              </Fact>
            ))}
          <Fact title="Span before">
            {said(name, kpi.previous, currency)}
            {!comparisons.previous.complete && " (the log begins later)"}
          </Fact>
          <Fact title="A year before">
            {said(name, kpi.year_before, currency)}
            {!comparisons.year_before.complete && " (the log begins later)"}
          </Fact>
          {trend.trend && (
            <Fact title="Trend">{`${trend.trend}, ${trend.test}, p ${trend.p_value?.toPrecision(2)}, ${count(trend.n)} whole ${period.grain}s`}</Fact>
          )}
        </dl>
        {types.length > 0 && <h3>Its events</h3>}
        {types.length > 0 && (
          <p class="behind-types">
            {types.map((type) => (
              <a key={type} class="button small" href={href(["events"], { type, ...span })}>
                {type}
              </a>
            ))}
          </p>
        )}
        {name === "revenue" && <p>{changed(summary.drivers.revenue.change ?? 0, currency)} against the span before: the page below says from whom.</p>}
      </div>
    </dialog>
  );
}

/** The types of events that a KPI counts. */
function typesBehind(name: string, drivers: Summary["drivers"]): string[] {
  const behind: Behind[] =
    name === "revenue" || name === "arpu"
      ? [drivers.revenue.behind]
      : name === "users" || name === "engagement"
        ? [drivers.users.behind]
        : name === "conversion"
          ? drivers.conversion.children.map((child) => child.behind)
          : name === "churn" || name === "ltv"
            ? drivers.churn.children.map((child) => child.behind)
            : [];
  return [...new Set(behind.flatMap((one) => one?.question.series.flatMap(({ event }) => event ?? []) ?? []))];
}

function Fact({ title, children }: { title: string; children: preact.ComponentChildren }) {
  return (
    <>
      <dt>{title}</dt>
      <dd>{children}</dd>
    </>
  );
}
