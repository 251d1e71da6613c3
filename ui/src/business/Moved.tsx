import { useState } from "preact/hooks";
import { count } from "../format";
import type { View } from "../live/topic";
import { DataTable, type Column } from "../panel/DataTable";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import { Choice } from "../widgets/Choice";
import { changed, grown, said, type Row, type Summary } from "./summary";

type What = "revenue" | "users" | "new_customers";
const words: Record<What, string> = { revenue: "Revenue", users: "Users", new_customers: "New customers" };

/** Which values of a segment make up the change: it adds up to the last unit. */
export function Moved({ topic }: { topic: View<Summary> }) {
  const [chosen, choose] = useState("");
  const [of, setOf] = useState<What>("revenue");
  const segments = topic.data.value?.comparisons.segments ?? {};
  const names = Object.keys(segments);
  const name = names.includes(chosen) ? chosen : (names[0] ?? "");
  const segment = segments[name];
  const known = (Object.keys(words) as What[]).filter((what) => segment?.[what]);
  const what = known.includes(of) ? of : "revenue";
  const sums = segment?.[what];
  return (
    <Panel
      title="What moved it"
      topic={topic}
      shape="rows"
      note="now less the span before; rows add up to the change"
      tools={
        <>
          {known.length > 1 && <Choice label="Of what" choices={known} chosen={what} text={(each) => words[each]} choose={setOf} />}
          {names.length > 1 && <Choice label="Divided by" choices={names} chosen={name} text={(each) => each} choose={choose} />}
        </>
      }
      isEmpty={() => !sums || sums.rows.length === 0}
      empty={
        <Empty title="Nothing to divide yet">
          <span>
            Say by what figures are divided, with <code>segments</code> in the definition of the business. Or choose a longer period.
          </span>
        </Empty>
      }
    >
      {({ currency }) => {
        const write = (value: number | null) => (value === null ? "–" : what === "revenue" ? said("revenue", value, currency) : count(value));
        const total: Row = { value: "All", other: false, now: sums!.now, before: sums!.before, change: sums!.change, growth: null, share_of_change: 1 };
        const largest = Math.max(1, ...sums!.rows.map(({ change }) => Math.abs(change ?? 0)));
        const columns: Column<Row>[] = [
          { title: name, cell: ({ value, other }) => (other ? "others" : (value ?? "not known")) },
          { title: "Before", numeric: true, roomy: true, cell: ({ before }) => write(before) },
          { title: "Now", numeric: true, cell: ({ now }) => write(now) },
          { title: "Change", numeric: true, cell: ({ change }) => (what === "revenue" ? changed(change ?? 0, currency) : `${(change ?? 0) > 0 ? "+" : ""}${count(change ?? 0)}`) },
          { title: "Share", roomy: true, cell: ({ change, value }) => (value === "All" ? null : <Bar share={(change ?? 0) / largest} />) },
          { title: "Growth", numeric: true, roomy: true, cell: ({ growth }) => grown(growth) },
        ];
        return <DataTable label={`What moved ${words[what].toLowerCase()}, by ${name}`} columns={columns} rows={[...sums!.rows, total]} rowKey={({ value, other }) => (other ? " others" : (value ?? " "))} />;
      }}
    </Panel>
  );
}

/** To the right for what rose, to the left for what fell. */
function Bar({ share }: { share: number }) {
  return (
    <span class={share < 0 ? "moved-bar fell" : "moved-bar"} aria-hidden="true">
      <i style={{ width: `${Math.abs(share) * 50}%` }} />
    </span>
  );
}
