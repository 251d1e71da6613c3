import { useEffect, useRef, useState } from "preact/hooks";
import { asServedBy, widgetQuestion } from "../ask/widget";
import { useAnswer } from "../ask/useAnswer";
import { FunnelBars, RetentionGrid, type Cell } from "../explore/Answers";
import type { Answered, Funnel, Retention } from "../explore/questions";
import { UsersBehind } from "../explore/UsersBehind";
import { count } from "../format";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import { versus } from "../range";
import { shared } from "../shared/mode";
import { keyOf, useAround, useRange } from "./context";
import type { Kind, Props } from "./kind";
import { exploring } from "./source";
import { inWords } from "./topicRows";

const REFRESH_MS = 60_000;

/** A funnel or a grid of retention, over the range; a click on a figure shows the users behind it. */
function Asked({ widget, title }: Props) {
  const { question = {} } = widget;
  const { dashboard, filters } = useAround();
  const range = useRange();
  const asker = { dashboard, widget: widget.id, filters };
  const [opened, setOpened] = useState<Cell | null>(null);
  const answer = useAnswer(
    `${JSON.stringify(question)} ${range.key} ${keyOf(filters)}`,
    () => widgetQuestion<Answered>(asker, question, range, "none"),
    range.span ? REFRESH_MS : 0,
  );
  const behind = exploring(question);
  const open = shared ? undefined : setOpened;
  const found = answer.data.value;
  return (
    <>
      <Panel
        title={title}
        topic={answer}
        shape="rows"
        note={found ? inShort(parts(found), range.label) : range.label}
        tools={
          behind &&
          !shared && (
            <a class="button small" href={behind.link} title={behind.says}>
              Explore
            </a>
          )
        }
        isEmpty={(found) => nobody(parts(found))}
        empty={
          <Empty title={question.ask === "funnel" ? "Nobody took the first step in this range" : "Nobody began in this range"}>
            <span>Choose a longer one in the top bar.</span>
          </Empty>
        }
      >
        {(found) => (question.ask === "funnel" ? <FunnelBars {...(found as unknown as Funnel)} open={open} /> : <RetentionGrid {...(found as unknown as Retention)} open={open} />)}
      </Panel>
      {opened && found && <Users question={asServedBy(asker, question, range, versus.value === "prior" ? "none" : versus.value)} answer={found} opened={opened} close={() => setOpened(null)} />}
    </>
  );
}

const parts = (found: Answered) => found as Partial<Funnel & Retention>;

const nobody = ({ groups, cohorts }: Partial<Funnel & Retention>) => (groups ? groups.every(({ users }) => users === 0) : !(cohorts ?? []).some(({ users }) => users > 0));

function inShort({ groups }: Partial<Funnel>, range: string): string {
  return groups?.length === 1 ? `${count(groups[0]!.converted)} of ${count(groups[0]!.users)} went all the way, ${range}` : range;
}

type UsersProps = { question: Record<string, unknown>; answer: Answered; opened: Cell; close: () => void };

function Users({ question, answer, opened, close }: UsersProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="help users-behind" aria-label={`Users: ${opened.says}`} onClose={close}>
      <UsersBehind question={question} answer={answer} opened={{ ...opened, of: "" } as Cell & { of: string }} close={() => dialog.current?.close()} />
    </dialog>
  );
}

export const funnelKind: Kind = { type: "funnel", title: ({ id }) => inWords(id), reads: null, place: { w: 6, height: 302 }, component: Asked };
export const retentionKind: Kind = { ...funnelKind, type: "retention" };
