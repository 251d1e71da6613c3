import { useNamedTopic } from "../ask/useTopic";
import { live } from "../live";
import { moment } from "../moment";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import { count } from "../format";
import type { Captured } from "./routes";

/** A live topic as it comes: what a widget that draws it has to go by. */
export function TopicPage({ captured }: { captured: Captured }) {
  const name = captured.name ?? "";
  const topic = useNamedTopic(name);
  return (
    <div class="fill">
      <Panel
        title={name}
        topic={topic}
        shape="rows"
        note={topic.data.value !== null && moment.value === null ? about(live.topic(name).policy, topic.data.value) : undefined}
        isEmpty={(data) => Object.keys(data as object).length === 0}
        empty={
          <Empty title="This topic has nothing yet">
            <span>It fills as its fold takes in events.</span>
          </Empty>
        }
      >
        {(data) => (
          <div class="facts" tabIndex={0} role="region" aria-label={`Data of ${name}`}>
            <pre>{JSON.stringify(data, null, 2)}</pre>
          </div>
        )}
      </Panel>
    </div>
  );
}

function about(policy: string, data: unknown): string {
  const n = count(Object.keys(data as object).length);
  if (policy === "upsert") return `${n} rows by key`;
  return policy === "append" ? `${n} columns` : `${n} fields`;
}
