import { useEffect, useState } from "preact/hooks";
import { useAnswer } from "../ask/useAnswer";
import { dashboards, definitionsTopic } from "../definitions";
import { dayAndMinute, duration } from "../format";
import { looked, look } from "../home/since";
import { tell, type Sentence, type Told } from "../home/told";
import { clock, moment } from "../moment";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import { SendOneEvent } from "../panel/SendOneEvent";
import { href } from "../router";
import { Icon } from "../shell/Icon";
import { Choice } from "../widgets/Choice";

const DAY = 86_400;
const SPANS = { look: 0, day: DAY, week: 7 * DAY } as const;
type Since = keyof typeof SPANS;
const MARKS: Record<Sentence["mood"], string> = { alarm: "■", bad: "▼", good: "▲", calm: "●" };
const WORDS: Record<Sentence["mood"], string> = { alarm: "look at it", bad: "worse", good: "better", calm: "news" };

/** What changed since the reader last looked, in sentences with numbers. */
export function HomePage() {
  const [since, setSince] = useState<Since>("look");
  const [now] = useState(() => Math.floor(clock.peek() / 1_000));
  useEffect(() => {
    if (moment.peek() === null) look(now);
  }, []);
  const known = definitionsTopic.data.value !== null;
  const first = looked.value === null;
  const begin = since === "look" ? (looked.value ?? now - DAY) : now - SPANS[since];
  const answer = useAnswer<Told>(`home ${begin} ${now}`, () => tell(begin, now), 0, known);
  const choices = first ? (["day", "week"] as const) : (["look", "day", "week"] as const);
  const chosen = first && since === "look" ? "day" : since;
  const text = { look: "since I last looked", day: "a day", week: "a week" };
  return (
    <div class="home">
      <Panel
        title={first && since === "look" ? "What changed in the last day" : since === "look" ? "What changed since you last looked" : `What changed in the last ${since}`}
        topic={answer}
        shape="rows"
        note={`${dayAndMinute(begin)}, ${duration(now - begin)} ago`}
        tools={<Choice label="Since when" choices={choices} chosen={chosen} text={(each) => text[each]} choose={setSince} />}
        isEmpty={({ sentences }) => sentences.length === 0}
        empty={
          <Empty title="Nothing has changed">
            <span>No event came, no metric moved, nobody changed anything. Choose a longer span, or send an event:</span>
            <SendOneEvent />
          </Empty>
        }
      >
        {(told) => <Sentences told={told} />}
      </Panel>
      <section class="panel home-boards" aria-label="Dashboards">
        <header>
          <h2>Dashboards</h2>
          <span class="spring" />
          {moment.value === null && (
            <a class="button small" href={href(["new-dashboard"])}>
              <Icon name="plus" /> New
            </a>
          )}
        </header>
        <ul class="lines-of" tabIndex={0} aria-label="Dashboards">
          {(dashboards.value ?? []).map(({ name, spec }) => (
            <li key={name}>
              <div>
                <b>
                  <a class="cell-link" href={href(["dashboards", name])}>
                    {spec.name}
                  </a>
                </b>
                <small>{spec.widgets.length === 1 ? "1 widget" : `${spec.widgets.length} widgets`}</small>
              </div>
            </li>
          ))}
        </ul>
      </section>
    </div>
  );
}

function Sentences({ told: { sentences, quiet } }: { told: Told }) {
  return (
    <ul class="sentences" tabIndex={0} aria-label="What changed">
      {sentences.map(({ says, detail, link, mood }, i) => (
        <li key={`${i} ${says}`} data-mood={mood}>
          <span class="mood" aria-hidden="true">
            {MARKS[mood]}
          </span>
          <div>
            <a href={link}>
              <span class="unseen">{WORDS[mood]}: </span>
              {says}
            </a>
            {detail && <p>{detail}</p>}
          </div>
        </li>
      ))}
      {quiet > 0 && <li class="quiet">{quiet === 1 ? "1 other figure or definition" : `${quiet} other figures or definitions`} moved by less than 5 %, or not at all.</li>}
    </ul>
  );
}
