import { useState } from "preact/hooks";
import { AnnotateButton } from "../annotate/AnnotateButton";
import { dashboards, type FilterSpec } from "../definitions";
import { moment } from "../moment";
import { href } from "../router";
import { Icon } from "../shell/Icon";
import { lazily } from "./Lazy";
import type { Captured } from "./routes";

const Share = lazily<{ id: string; filters: FilterSpec[]; close: () => void }>("the links", () => import("../sharing/ShareDialog").then(({ ShareDialog }) => ShareDialog));

/** What one does with a dashboard: in the top bar where there is room, above its widgets elsewhere. */
export function BoardTools({ captured: { id = "" } }: { captured: Captured }) {
  const [sharing, setSharing] = useState(false);
  const board = dashboards.value?.find(({ name }) => name === id);
  if (!board || board.spec.widgets.length === 0) return null;
  return (
    <>
      {moment.value === null && (
        <>
          <a class="button small" href={href(["dashboards", id, "edit"])} title="Edit (E)">
            <Icon name="edit" /> Edit
          </a>
          <button type="button" class="button small" aria-haspopup="dialog" onClick={() => setSharing(true)}>
            <Icon name="share" /> Share
          </button>
        </>
      )}
      <AnnotateButton dashboard={id} />
      <button type="button" class="button square small" aria-label="Full screen" title="Full screen" onClick={fullScreen}>
        <Icon name="expand" />
      </button>
      {sharing && <Share id={id} filters={board.spec.filters ?? []} close={() => setSharing(false)} />}
    </>
  );
}

/** The page without what is around it; Escape brings that back. */
function fullScreen() {
  if (document.fullscreenElement) void document.exitFullscreen();
  else void document.documentElement.requestFullscreen?.().catch(() => {});
}
