import { count, figure } from "../format";
import type { View } from "../live/topic";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import type { Advice as One, Summary } from "./summary";

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
      {({ recommendations }) => (
        <ul class="advice" tabIndex={0} aria-label="Recommendations">
          {[...recommendations]
            .sort((a, b) => order.indexOf(a.priority) - order.indexOf(b.priority))
            .map((one) => (
              <Item key={one.category + one.recommendation} one={one} />
            ))}
        </ul>
      )}
    </Panel>
  );
}

function Item({ one }: { one: One }) {
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
        <small>{evidence(one.evidence)}</small>
      </div>
    </li>
  );
}

/** The numbers of the evidence in one line. */
function evidence(facts: Record<string, unknown>): string {
  const written = Object.entries(facts)
    .filter(([, value]) => typeof value === "number" || typeof value === "string")
    .map(([name, value]) => `${name.replaceAll("_", " ")} ${typeof value === "number" ? (name === "n" ? count(value) : figure(value)) : String(value)}`);
  return written.join(" · ");
}
