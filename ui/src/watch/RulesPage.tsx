import { useTopic } from "../ask/useTopic";
import { definitionsTopic, type Definition } from "../definitions";
import { DataTable } from "../panel/DataTable";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import { href } from "../router";
import type { RuleSpec } from "./rule";
import { Tabs } from "./Tabs";

/** Every rule: what it asks for, whom it tells, and whether it fires now. */
export function RulesPage() {
  const alerts = Object.values(useTopic("alerts").data.value ?? {});
  const rules = Object.values(definitionsTopic.data.value ?? {}).filter(({ kind }) => kind === "rule") as unknown as Definition<RuleSpec>[];
  const state = (name: string) => {
    const mine = alerts.filter(({ rule, state }) => rule === name && state !== "resolved");
    const firing = mine.filter(({ state }) => state === "firing").length;
    return firing ? `${firing} firing` : mine.length ? "pending" : "quiet";
  };
  return (
    <>
      <Tabs />
      <Panel
        title="Rules"
        topic={definitionsTopic}
        shape="rows"
        note={`${rules.length}`}
        tools={
          <a class="button small" href={href(["rule"])}>
            New rule
          </a>
        }
        isEmpty={() => rules.length === 0}
        empty={
          <Empty title="No rule yet">
            <span>A rule watches metrics and tells people. While you write one, you see what it would have done.</span>
          </Empty>
        }
      >
        {() => (
          <DataTable
            label="Rules"
            rows={rules.sort((a, b) => a.name.localeCompare(b.name))}
            rowKey={({ name }) => name}
            columns={[
              {
                title: "Name",
                wide: true,
                cell: ({ name, spec }) => (
                  <a class="cell-link" href={href(["rule", name])}>
                    <b>{name}</b>
                    <small>
                      {spec.condition}, threshold {spec.threshold}
                    </small>
                  </a>
                ),
              },
              { title: "Now", cell: ({ name }) => <span class={state(name).endsWith("firing") ? "chip crit" : "quiet"}>{state(name)}</span> },
              { title: "Severity", roomy: true, cell: ({ spec }) => spec.severity },
              { title: "Tells", roomy: true, cell: ({ spec }) => spec.channels.join(", ") || "by routes only" },
            ]}
          />
        )}
      </Panel>
    </>
  );
}
