import { userLink } from "../behind";
import { useAnswer } from "../ask/useAnswer";
import { count, secondsOf } from "../format";
import { when } from "../pages/eventText";
import { DataTable } from "../panel/DataTable";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import type { Cell } from "./Answers";
import { drill, type Answered, type Behind } from "./questions";

type UsersProps = { question: Record<string, unknown>; answer: Answered; opened: Cell; close: () => void };

/** Who is behind a figure; each leads to their timeline. */
export function UsersBehind({ question, answer, opened, close }: UsersProps) {
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
