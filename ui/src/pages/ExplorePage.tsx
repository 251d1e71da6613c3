import { useState } from "preact/hooks";
import { useAnswer } from "../ask/useAnswer";
import { Drawn, type Cell } from "../explore/Answers";
import { Form } from "../explore/Form";
import { UsersBehind } from "../explore/UsersBehind";
import { ask, askedAt, asServed, type Answered, type Asked, type Funnel, type Kind, type Paths, type Users as AllUsers } from "../explore/questions";
import { count, figure } from "../format";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import { range, utc, versus } from "../range";
import { address, go, hrefHere } from "../router";
import { Choice } from "../widgets/Choice";

const KINDS: readonly Kind[] = ["trends", "funnel", "retention", "paths", "users", "cohort"];
const titles: Record<Kind, string> = { trends: "Trends", funnel: "Funnel", retention: "Retention", paths: "Paths", users: "Users", cohort: "Cohorts" };

/** Questions that people ask again and again, by a few fields; the address holds the question, so it can be sent to somebody. */
export function ExplorePage() {
  const { params } = address.value;
  const asked = askedAt(params.get("q"), params.get("ask"));
  const [opened, setOpened] = useState<(Cell & { of: string }) | null>(null);
  const question = asServed(asked, range.value);
  const steps = asked.events.filter((event) => event !== "").length;
  const missing = (asked.ask === "funnel" && steps < 2) || (asked.ask === "cohort" && !asked.cohort);
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
            {asked.ask === "cohort" ? (
              <Empty title="Choose a cohort, or define one">
                <span>A cohort is a group of users, by what they did. Every other question can be asked about it.</span>
              </Empty>
            ) : (
              <Empty title="Choose two steps">
                <span>A funnel says how many users went on from one event to the next.</span>
              </Empty>
            )}
          </section>
        ) : (
          <Panel
            title={titles[asked.ask]}
            topic={answer}
            shape="rows"
            note={found && told(asked, found)}
            isEmpty={(found) => "groups" in found && found.groups !== undefined && (found.groups.length === 0 || found.groups[0]!.users === 0)}
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
      {opened?.of === key && found && <UsersBehind key={JSON.stringify(opened.cell)} question={question} answer={found} opened={opened} close={() => setOpened(null)} />}
    </>
  );
}

function told(asked: Asked, found: Answered): string {
  const { warnings, elapsed_ms } = found;
  return [inShort(asked, found), ...warnings, `${figure(Math.round(elapsed_ms))} ms`].filter(Boolean).join(" · ");
}

function inShort(asked: Asked, found: Answered): string {
  const { groups = [] } = found as Partial<Funnel>;
  if (asked.ask === "funnel" && groups.length === 1) return `${count(groups[0]!.converted)} of ${count(groups[0]!.users)} went all the way`;
  const { total } = found as Partial<AllUsers>;
  if (asked.ask === "users" && total !== undefined) return `${count(total)} different users`;
  const { paths, users } = found as Partial<Paths>;
  return asked.ask === "paths" && paths !== undefined ? `${count(paths)} paths of ${count(users ?? 0)} users` : "";
}
