import { useMemo, useState } from "preact/hooks";
import { useAnswer } from "../ask/useAnswer";
import { Advice } from "../business/Advice";
import { Drivers } from "../business/Drivers";
import { KpiTile } from "../business/KpiTile";
import { sinceLastLook } from "../business/lastLook";
import { Meaning } from "../business/Meaning";
import { Moved } from "../business/Moved";
import { askSummary, KPIS, periodOf, said, type Summary } from "../business/summary";
import { Lines } from "../charts/Lines";
import { dayAndMinute, minorUnits, secondsOf } from "../format";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import { range, utc } from "../range";
import { address, go, hrefHere } from "../router";
import { Icon } from "../shell/Icon";
import { Choice } from "../widgets/Choice";
import "../style/business.css";

const PERIODS = { "7d": "7 days", "30d": "30 days", month: "This month", last_month: "Last month", quarter: "Quarter", year: "Year", range: "Top bar" } as const;
type Period = keyof typeof PERIODS;
const STANDARD: Period = "30d";
const MINUTE = 60_000;

/** How a business does: its KPIs, what moved them, what is to come, and what to do. */
export function ExecutivePage() {
  const { params } = address.value;
  const wanted = params.get("period");
  const period: Period = wanted !== null && wanted in PERIODS ? (wanted as Period) : params.get("from") ? "range" : STANDARD;
  const business = params.get("business") ?? "";
  const asked = period === "range" ? periodOf(range.value) : period;
  const summary = useAnswer(`executive ${business} ${asked} ${utc.value}`, () => askSummary(business, asked), MINUTE);
  const [opened, setOpened] = useState("");
  const found = summary.data.value;
  return (
    <>
      <div class="explore-head business-head">
        <Choice label="Period" choices={Object.keys(PERIODS) as Period[]} chosen={period} text={(each) => PERIODS[each]} choose={(each) => go(hrefHere({ period: each }))} />
        {found && found.businesses.length > 1 && (
          <Choice
            label="Business"
            choices={found.businesses.map(({ name }) => name)}
            chosen={found.business}
            text={(name) => found.businesses.find((one) => one.name === name)?.title ?? name}
            choose={(name) => go(hrefHere({ business: name }))}
          />
        )}
        {found && <Covered summary={found} />}
      </div>
      {found && found.warnings.length > 0 && (
        <section class="strip-note calm" aria-label="Worth knowing">
          <Icon name="clock" />
          <span>{found.warnings.join(". ")}</span>
        </section>
      )}
      <div class="kpis">
        {Object.keys(KPIS).map((name) => (
          <KpiTile key={name} name={name} topic={summary} open={setOpened} />
        ))}
      </div>
      <div class="business-panels">
        <Panel
          title="Revenue over time"
          topic={summary}
          shape="line"
          note={found && ahead(found)}
          isEmpty={({ trends }) => trends.revenue!.history.length === 0}
          empty={
            <Empty title="No revenue yet">
              <span>The chart begins with the first payment that the definition of the business names.</span>
            </Empty>
          }
        >
          {(data) => <Revenue summary={data} />}
        </Panel>
        <Advice topic={summary} />
        <Moved topic={summary} />
        <Drivers topic={summary} />
      </div>
      {opened && found && <Meaning name={opened} summary={found} close={() => setOpened("")} />}
    </>
  );
}

/** Which span the figures are of, and what it was when one last looked. */
function Covered({ summary }: { summary: Summary }) {
  const { since, until, zone } = summary.period;
  const before = useMemo(() => sinceLastLook(summary), [summary.as_of]);
  return (
    <span class="covered">
      {`${dayAndMinute(secondsOf(since))} to ${dayAndMinute(secondsOf(until))}, ${zone}`}
      {before && <b>{before}</b>}
    </span>
  );
}

function ahead({ trends, currency, period }: Summary): string {
  const { forecast } = trends.revenue!;
  if (!forecast || forecast.status !== "ready") return "too little history for a forecast";
  const [expected, lower, upper] = [forecast.expected, forecast.lower, forecast.upper].map((value) => said("revenue", value, currency));
  const what = forecast.of === "period" ? `up to ${dayAndMinute(secondsOf(forecast.until))}` : `for the next ${period.said}`;
  return `${expected} expected ${what}, ${Math.round(forecast.level * 100)}\u202f% between ${lower} and ${upper}`;
}

function Revenue({ summary }: { summary: Summary }) {
  const { history } = summary.trends.revenue!;
  const times = useMemo(() => history.map(({ at }) => secondsOf(at)), [history]);
  const lines = useMemo(() => {
    const minor = minorUnits(summary.currency);
    const write = (value: number) => said("revenue", value * minor, summary.currency);
    const values = history.map(({ value }) => (value === null ? null : value / minor));
    const whole = history.map(({ complete }, i) => (complete ? values[i]! : null));
    const open = history.map(({ complete }, i) => (!complete || history[i + 1]?.complete === false ? values[i]! : null));
    const name = `Revenue a ${summary.period.grain}`;
    return history.every(({ complete }) => complete) ? [{ name, values: whole, write }] : [{ name, values: whole, write }, { name: "not whole yet", values: open, dashed: true, write }];
  }, [history]);
  return <Lines times={times} lines={lines} label="Revenue over time" />;
}
