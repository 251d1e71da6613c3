import { useWarnings } from "../ask/warnings";
import { definitionsTopic, type Definition } from "../definitions";
import { count, dayAndMinute } from "../format";
import { DataTable, type Column } from "../panel/DataTable";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import { moment } from "../moment";
import { address, go, href, hrefHere } from "../router";
import { Owner } from "./Owner";

/** The columns; beside a name, whether something may be a mistake. */
const columnsOf = (warned: Record<string, string[]>): Column<Definition>[] => [
  {
    title: "Name",
    wide: true,
    cell: ({ kind, name, spec }) => (
      <a class="cell-link" href={href(["definitions", kind, name])}>
        <b>
          {name}
          {warned[`${kind}/${name}`] && (
            <span class="chip warn" title={warned[`${kind}/${name}`]!.join("\n")}>
              ▲ may be a mistake
            </span>
          )}
        </b>
        <small>{warned[`${kind}/${name}`]?.[0] ?? inShort(kind, spec)}</small>
      </a>
    ),
  },
  { title: "Kind", cell: ({ kind }) => kind },
  { title: "Owner", cell: ({ owner }) => <Owner of={owner} /> },
  { title: "Changed", roomy: true, cell: ({ at }) => <time dateTime={new Date(at * 1_000).toISOString()}>{dayAndMinute(at)}</time> },
  { title: "By", roomy: true, cell: ({ by }) => <span class="short">{by || "–"}</span> },
  { title: "Version", roomy: true, numeric: true, cell: ({ version }) => count(version) },
];

/** One line of what a definition says; the kinds that this page knows have words of their own. */
function inShort(kind: string, spec: Record<string, unknown>): string {
  const said = (field: string) => (spec[field] == null ? "" : String(spec[field]));
  switch (kind) {
    case "rule":
      return `${said("condition")}, threshold ${said("threshold")}`;
    case "metric":
      return [`of ${said("stream")}`, said("value"), said("distinct") && `distinct ${said("distinct")}`, said("key") && `by ${said("key")}`]
        .filter(Boolean)
        .join(", ");
    case "dashboard":
      return `${said("name")}, ${count(Array.isArray(spec.widgets) ? spec.widgets.length : 0)} widgets`;
    case "anomaly":
      return `at most ${said("false_alarms_per_week")} false alarms a week`;
    default:
      return said("kind") || said("name");
  }
}

/** Everything that is declared, as it holds now: what each is, who owns it, and when it changed last. */
export function DefinitionsPage() {
  const { params } = address.value;
  const [kind, text] = [params.get("kind") ?? "", params.get("text") ?? ""];
  const all = Object.values(definitionsTopic.data.value ?? {});
  const kinds = [...new Set(all.map(({ kind }) => kind))].sort();
  const shown = all
    .filter((each) => !kind || each.kind === kind)
    .filter(({ name, spec }) => !text || `${name} ${JSON.stringify(spec)}`.toLowerCase().includes(text.toLowerCase()))
    .sort((a, b) => a.kind.localeCompare(b.kind) || a.name.localeCompare(b.name));
  const filtered = kind !== "" || text !== "";
  const warned = useWarnings();
  return (
    <>
      <form class="filters two-fields" role="search" aria-label="Filter definitions" onSubmit={(event) => event.preventDefault()}>
        <label>
          <span>Kind</span>
          <select value={kind} onChange={(event) => go(hrefHere({ kind: event.currentTarget.value || undefined }), { replace: true })}>
            <option value="">all kinds</option>
            {kinds.map((each) => (
              <option key={each} value={each}>
                {each}
              </option>
            ))}
          </select>
        </label>
        <label>
          <span>Text</span>
          <input
            type="search"
            placeholder="in names and what they say"
            value={text}
            autocomplete="off"
            spellcheck={false}
            onInput={(event) => go(hrefHere({ text: event.currentTarget.value || undefined }), { replace: true })}
          />
        </label>
      </form>
      <div class="fill">
        <Panel
          title="Definitions"
          topic={definitionsTopic}
          shape="rows"
          note={`${filtered ? `${count(shown.length)} of ` : ""}${count(all.length)}, ${moment.value?.how === "as_of" ? "as they held then" : "as they hold now"}`}
          isEmpty={() => shown.length === 0}
          empty={
            filtered ? (
              <Empty title="No definition matches">
                <a class="button" href={href(["definitions"])}>
                  All definitions
                </a>
              </Empty>
            ) : (
              <Empty title="Nothing is defined yet">
                <span>
                  Metrics, alert rules and dashboards come from a configuration file, or from <code>hindcast apply -f FILE</code>.
                </span>
              </Empty>
            )
          }
        >
          {() => (
            <DataTable label="Definitions, by kind and name" columns={columnsOf(warned)} rows={shown} rowKey={({ kind, name }) => `${kind}/${name}`} />
          )}
        </Panel>
      </div>
    </>
  );
}
