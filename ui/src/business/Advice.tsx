import { count, figure } from "../format";
import type { View } from "../live/topic";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import { percent, said, type Advice as One, type Summary } from "./summary";

const marks: Record<string, string> = { High: "◆", Medium: "▲", Low: "●" };

/** What to do, the most pressing first; what supports it stands below each, and whether its impact was measured here. */
export function Advice({ topic }: { topic: View<Summary> }) {
  const order = ["High", "Medium", "Low"];
  return (
    <Panel
      title="Recommendations"
      topic={topic}
      shape="rows"
      isEmpty={({ recommendations }) => recommendations.length === 0}
      empty={
        <Empty title="Nothing calls for a change">
          <span>Revenue grows by 5 % or more, engagement is 0.7 or more, and no segment, rate or cost stands out.</span>
        </Empty>
      }
    >
      {({ recommendations, currency }) => (
        <ul class="advice" tabIndex={0} aria-label="Recommendations">
          {[...recommendations]
            .sort((a, b) => order.indexOf(a.priority) - order.indexOf(b.priority))
            .map((one) => (
              <Item key={one.category + one.recommendation} one={one} currency={currency} />
            ))}
        </ul>
      )}
    </Panel>
  );
}

function Item({ one, currency }: { one: One; currency: string }) {
  const measured = one.impact_basis === "measured";
  return (
    <li>
      <span class={`advice-mark ${one.priority.toLowerCase()}`}>
        <span aria-hidden="true">{marks[one.priority] ?? "●"}</span> {one.priority}
      </span>
      <div>
        <b>{one.recommendation}</b>
        <p>
          {one.expected_impact}{" "}
          <span class={`chip ${measured ? "good" : "calm"}`} title={measured ? "Computed from this log" : "A rule of thumb: nothing in this log supports the figure"}>
            {measured ? "measured here" : "rule of thumb"}
          </span>
        </p>
        <small>{evidence(one, currency)}</small>
      </div>
    </li>
  );
}

/** What of the evidence is money, and what a fraction, by the kind of advice. */
const AMOUNTS: Record<string, readonly string[]> = {
  "Revenue Growth": ["now", "before"],
  "Revenue by segment": ["now", "before", "change"],
  "Acquisition cost": ["cac", "cac_elsewhere", "spend"],
};
const FRACTIONS: Record<string, readonly string[]> = {
  "Revenue Growth": ["growth_rate", "threshold"],
  "Revenue by segment": ["of_all_before"],
  Conversion: ["now", "before"],
  Churn: ["now", "before"],
};

/** The numbers of the evidence in one line. */
function evidence({ category, evidence }: One, currency: string): string {
  const write = (name: string, value: number) => {
    if (AMOUNTS[category]?.includes(name)) return said("revenue", value, currency);
    if (FRACTIONS[category]?.includes(name)) return percent(value);
    return name.startsWith("n") ? count(value) : figure(value);
  };
  return Object.entries(evidence)
    .filter(([, value]) => typeof value === "number" || typeof value === "string")
    .map(([name, value]) => `${name.replaceAll("_", " ")} ${typeof value === "number" ? write(name, value) : String(value)}`)
    .join(" · ");
}
