import { get } from "../ask/request";
import { useAnswer } from "../ask/useAnswer";
import { count, dayAndMinute, figure, secondOfDay, secondsOf } from "../format";
import { asked as moment } from "../moment";
import { DataTable } from "../panel/DataTable";
import { Explained } from "./Number";
import { DefinedBy, Figure, Part, type Defined } from "./parts";

type Turn = { time: string; type: string; rule: string; value: number | null; threshold: number | null; message: string | null; by: string | null; offset: number; known: string };
type Judged = { metric: string; key: string | null; start: string; end: string; count: number; sum: number | null; mean: number | null; revision: number; offset: number };
type Told = { definition: Defined; turns: Turn[]; windows: Judged[]; explain: { metric: string; key: string } };

const precisely = (iso: string) => `${dayAndMinute(secondsOf(iso))}:${secondOfDay(secondsOf(iso)).slice(-2)}`;

/** An alert: its turns, the rule as it was then, and the windows that were judged; each says which rows it counts. */
export function AlertExplained({ alert }: { alert: string }) {
  const answer = useAnswer(`why ${alert}`, () => {
    const { as_of } = moment();
    return get<Told>("/v1/explain", { alert, ...(as_of ? { as_of } : {}) });
  });
  return (
    <Part answer={answer}>
      {({ definition, turns, windows, explain }) => {
        const fired = [...turns].reverse().find(({ type, value }) => type === "alert.fired" && value !== null) ?? turns.at(-1)!;
        return (
          <>
            <Figure value={fired.value === null ? "–" : figure(fired.value)}>
              {fired.rule}
              {fired.threshold !== null && `, limit ${figure(fired.threshold)}`}
              {fired.message && `: ${fired.message}`}
            </Figure>
            <DefinedBy definition={definition} />
            <h3>Its turns</h3>
            <DataTable
              label="Turns of the alert"
              rows={turns}
              rowKey={({ offset }) => offset}
              columns={[
                { title: "When", cell: ({ time }) => precisely(time) },
                { title: "What", wide: true, cell: ({ type, by }) => `${type.replace("alert.", "")}${by ? ` by ${by}` : ""}` },
                { title: "Value", numeric: true, cell: ({ value }) => (value === null ? "–" : figure(value)) },
                { title: "Known", cell: ({ known }) => precisely(known) },
                { title: "Offset", numeric: true, roomy: true, cell: ({ offset }) => count(offset) },
              ]}
            />
            <h3>The windows that were judged</h3>
            {windows.length === 0 ? (
              <p class="muted">None: the rule fired because there was no data.</p>
            ) : (
              <DataTable
                label="Windows that the rule judged"
                rows={windows}
                rowKey={({ offset }) => offset}
                columns={[
                  { title: "From", wide: true, cell: ({ start }) => precisely(start) },
                  {
                    title: "Count",
                    numeric: true,
                    cell: (each) => (
                      <Explained why={{ metric: explain.metric, key: explain.key, start: secondsOf(each.start) }}>{count(each.count)}</Explained>
                    ),
                  },
                  { title: "Sum", numeric: true, cell: ({ sum }) => (sum === null ? "–" : figure(sum)) },
                  { title: "Mean", numeric: true, cell: ({ mean }) => (mean === null ? "–" : figure(mean)) },
                  { title: "Revision", numeric: true, roomy: true, cell: ({ revision }) => count(revision) },
                ]}
              />
            )}
          </>
        );
      }}
    </Part>
  );
}
