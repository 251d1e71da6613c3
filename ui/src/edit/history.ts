import { useState } from "preact/hooks";
import type { Draft } from "./draft";

const MOST = 200;
/** Changes of one field within so many ms of each other are one step. */
const TOGETHER_MS = 1_500;

type Steps = { past: Draft[]; now: Draft; future: Draft[]; tag: string; at: number };

/** A draft with its steps back and forth. */
export function useHistory(start: Draft) {
  const [steps, setSteps] = useState<Steps>({ past: [], now: start, future: [], tag: "", at: 0 });
  return {
    draft: steps.now,
    canUndo: steps.past.length > 0,
    canRedo: steps.future.length > 0,
    /** `tag`: what is typed on: changes of the same one that follow each other soon are one step. */
    change(next: (draft: Draft) => Draft, tag = "") {
      setSteps(({ past, now, tag: last, at }) => {
        const made = next(now);
        if (JSON.stringify(made) === JSON.stringify(now)) return { past, now, future: steps.future, tag: last, at };
        const together = tag !== "" && tag === last && Date.now() - at < TOGETHER_MS;
        return { past: together ? past : [...past, now].slice(-MOST), now: made, future: [], tag, at: Date.now() };
      });
    },
    undo() {
      setSteps(({ past, now, future }) => (past.length === 0 ? { past, now, future, tag: "", at: 0 } : { past: past.slice(0, -1), now: past.at(-1)!, future: [now, ...future], tag: "", at: 0 }));
    },
    redo() {
      setSteps(({ past, now, future }) => (future.length === 0 ? { past, now, future, tag: "", at: 0 } : { past: [...past, now], now: future[0]!, future: future.slice(1), tag: "", at: 0 }));
    },
    /** Begins anew, without a step to go back to. */
    restart(draft: Draft) {
      setSteps({ past: [], now: draft, future: [], tag: "", at: 0 });
    },
  };
}

export type History = ReturnType<typeof useHistory>;
