import { useEffect, useRef } from "preact/hooks";
import { get } from "../ask/request";
import { useAnswer } from "../ask/useAnswer";
import type { DashboardSpec, Definition } from "../definitions";
import { dayAndMinute } from "../format";
import { difference, draftOf, type Draft } from "./draft";

type Version = Omit<Definition<DashboardSpec>, "spec"> & { spec: DashboardSpec | null };

/** What the dashboard was, newest first; each beside what is on the board, and brought back by one click. */
export function VersionsDialog({ id, draft, restore, close }: { id: string; draft: Draft; restore: (draft: Draft, version: number) => void; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const answer = useAnswer(`versions of ${id}`, () => get<{ versions: Version[] }>(`/v1/definitions/dashboard/${encodeURIComponent(id)}/versions`));
  const found = answer.data.value?.versions;
  const problem = answer.problem.value;
  return (
    <dialog ref={dialog} class="help versions-of" aria-labelledby="versions-title" onClose={close}>
      <h2 id="versions-title">Versions</h2>
      {problem && <p class="complaint">{problem.message}</p>}
      {!found && !problem && <p class="muted">Loading…</p>}
      <ol>
        {[...(found ?? [])].reverse().map((version, i) => {
          const then = version.spec && draftOf(version.spec);
          return (
            <li key={version.version}>
              <div>
                <b>{i === 0 ? "The one that holds" : dayAndMinute(version.at)}</b>
                <small>
                  {i === 0 ? `${dayAndMinute(version.at)}, ` : ""}by {version.by || "the configuration"}
                </small>
                <small>{then === null ? "removed" : `against the board: ${difference(then, draft)}`}</small>
              </div>
              {then && (
                <button type="button" class="button small" disabled={difference(then, draft) === "the same"} aria-label={`Bring back the version of ${dayAndMinute(version.at)}`} onClick={() => restore(then, version.version)}>
                  Bring back
                </button>
              )}
            </li>
          );
        })}
      </ol>
      <form method="dialog">
        <button class="button">Close</button>
      </form>
    </dialog>
  );
}
