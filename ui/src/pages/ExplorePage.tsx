import { useState } from "preact/hooks";
import { userLink } from "../behind";
import { useAnswer } from "../ask/useAnswer";
import { Drawn, type Cell } from "../explore/Answers";
import { Form } from "../explore/Form";
import { ask, askedAt, asServed, drill, type Answered, type Asked, type Behind, type Kind } from "../explore/questions";
import { count, figure, secondsOf } from "../format";
import { when } from "./eventText";
import { DataTable } from "../panel/DataTable";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import { range, utc, versus } from "../range";
import { address, go, hrefHere } from "../router";
import { Choice } from "../widgets/Choice";

const KINDS: readonly Kind[] = ["trends", "funnel", "retention", "users"];
const titles: Record<Kind, string> = { trends: "Trends", funnel: "Funnel", retention: "Retention", users: "Users" };

/** Questions that people ask again and again, by a few fields; the address holds the question, so it can be sent to somebody. */
export function ExplorePage() {
  const { params } = address.value;
  const asked = askedAt(params.get("q"), params.get("ask"));
  const [opened, setOpened] = useState<(Cell & { of: string }) | null>(null);
  const question = asServed(asked, range.value);
  const steps = asked.events.filter((event) => event !== "").length;
  const missing = asked.ask === "funnel" && steps < 2;
  const key = `${JSON.stringify(asked)} ${range.value.key} ${utc.value} ${asked.ask === "trends" ? versus.value : ""}`;
  const answer = useAnswer(key, () => ask(question), 0, !missing);
  const change = (next: Asked) => go(hrefHere({ ask: next.ask, q: JSON.stringify(next) }), { replace: true });
  const found = answer.data.value;
  return (
    <>
      <div class="explore-head">
        <Choice label="Question" choices={KINDS} chosen={asked.ask} text={(kind) => titles[kind]} choose={(kind) => change(askedAt(null, kind))} />
      </div>
      <Form asked={asked} change={change} />
      <div class="fill">
        {missing ? (
          <section class="panel" aria-label={titles[asked.ask]}>
            <Empty title="Choose two steps">
              <span>A funnel says how many users went on from one event to the next.</span>
            </Empty>
          </section>
        ) : (
          <Panel
            title={titles[asked.ask]}
            topic={answer}
            shape="rows"
            note={found && told(asked, found)}
            isEmpty={({ groups }) => groups !== undefined && (groups.length === 0 || groups[0]!.users === 0)}
            empty={
              <Empty title="Nobody took the first step in this range">
                <span>Choose a longer one in the top bar, or another event.</span>
              </Empty>
            }
          >
            {(result) => <Drawn asked={asked} answer={result} open={(cell) => setOpened({ ...cell, of: key })} />}
          </Panel>
        )}
      </div>
      {opened?.of === key && found && <Users key={JSON.stringify(opened.cell)} question={question} answer={found} opened={opened} close={() => setOpened(null)} />}
    </>
  );
}

function told(asked: Asked, { warnings, elapsed_ms, groups, total }: Answered): string {
  const funnel = asked.ask === "funnel" && groups?.length === 1 ? `${count(groups[0]!.converted)} of ${count(groups[0]!.users)} went all the way` : "";
  const users = asked.ask === "users" && total !== undefined ? `${count(total)} different users` : "";
  return [funnel || users, ...warnings, `${figure(Math.round(elapsed_ms))} ms`].filter(Boolean).join(" · ");
}

type UsersProps = { question: Record<string, unknown>; answer: Answered; opened: Cell; close: () => void };

/** Who is behind a figure; each leads to their timeline. */
function Users({ question, answer, opened, close }: UsersProps) {
  const behind = useAnswer(JSON.stringify(opened.cell), () => drill(question, opened.cell, answer));
  return (
    <div class="fill">
      <Panel
        title={`Users: ${opened.says}`}
        topic={behind}
        shape="rows"
        note={behind.data.value && shown(behind.data.value)}
        tools={
          <button type="button" class="button small" onClick={close}>
            Close
          </button>
        }
        isEmpty={({ users }) => !users || users.length === 0}
        empty={<Empty title="Nobody"> </Empty>}
      >
        {({ users }) => (
          <DataTable
            label="Users behind the figure"
            rows={users ?? []}
            rowKey={({ user }) => user}
            columns={[
              {
                title: "User",
                wide: true,
                cell: ({ user }) => (
                  <a class="cell-link" href={userLink(user)}>
                    {user}
                  </a>
                ),
              },
              { title: "Events", numeric: true, cell: ({ events }) => count(events) },
              { title: "First", roomy: true, cell: ({ first }) => <time dateTime={first}>{when(first)}</time> },
              { title: "Last", cell: ({ last }) => <time dateTime={last}>{Number.isNaN(secondsOf(last)) ? "–" : when(last)}</time> },
            ]}
          />
        )}
      </Panel>
    </div>
  );
}

const shown = ({ users, users_total, truncated }: Behind) => (truncated ? `the first ${count(users?.length ?? 0)} of ${count(users_total)}` : `all ${count(users_total)}`);
