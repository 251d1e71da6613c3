import { dashboards, type Dashboard } from "../definitions";
import { Skeleton } from "../panel/Skeleton";
import { moment, backToNow } from "../moment";
import { href } from "../router";
import { lazily } from "./Lazy";
import type { Captured } from "./routes";

const Editor = lazily<{ held: Dashboard | null }>("the editor", () => import("../edit/Editor").then(({ Editor }) => Editor));

/** Edits the dashboard of that id; without one, makes a new one. */
export function EditPage({ captured }: { captured: Captured }) {
  if (moment.value !== null) {
    return (
      <section class="panel nowhere" aria-label="Editor">
        <div class="message">
          <b>The past cannot be edited</b>
          <span>This page shows a moment of the past. Come back to now to change the dashboard.</span>
          <button type="button" class="button" onClick={backToNow}>
            Back to now
          </button>
        </div>
      </section>
    );
  }
  const found = dashboards.value;
  if (found === null) {
    return (
      <section class="panel nowhere" aria-label="Editor" aria-busy="true">
        <Skeleton shape="rows" title="the dashboard" />
      </section>
    );
  }
  const held = captured.id === undefined ? null : found.find(({ name }) => name === captured.id);
  if (held === undefined) {
    return (
      <section class="panel nowhere" aria-label="Editor">
        <div class="message">
          <b>There is no dashboard {captured.id}</b>
          <a class="button" href={href(["new-dashboard"])}>
            Make a new one
          </a>
        </div>
      </section>
    );
  }
  return <KeptEditor key={held?.name ?? ""} held={held} />;
}

/** The one that held when the editor opened: what others save meanwhile is told, and changes nothing under the hand. */
function KeptEditor({ held }: { held: Dashboard | null }) {
  return <Editor held={held} />;
}
