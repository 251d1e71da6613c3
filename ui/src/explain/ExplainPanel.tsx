import { useEffect, useRef } from "preact/hooks";
import { AlertExplained } from "./AlertExplained";
import { CellExplained } from "./CellExplained";
import { MeasureExplained } from "./MeasureExplained";
import { SpanExplained } from "./SpanExplained";
import { closeExplanation, why, type Why } from "./why";
import { WindowExplained } from "./WindowExplained";

/** Beside the page: where a number comes from. The address says which, so that it can be sent to somebody. */
export function ExplainPanel() {
  const asked = why.value;
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (asked) dialog.current?.showModal();
  }, [asked === null]);
  if (asked === null) return null;
  return (
    <dialog
      ref={dialog}
      class="drawer"
      aria-labelledby="why-title"
      onClose={closeExplanation}
      onClick={(event) => event.target === dialog.current && dialog.current?.close()}
    >
      <header>
        <h2 id="why-title">Where this number comes from</h2>
        <button type="button" class="button small" onClick={() => dialog.current?.close()}>
          Close
        </button>
      </header>
      <div class="drawer-body" key={JSON.stringify(asked)}>
        <Explanation asked={asked} />
      </div>
    </dialog>
  );
}

function Explanation({ asked }: { asked: Why }) {
  if ("sql" in asked) return <CellExplained asked={asked} />;
  if ("alert" in asked) return <AlertExplained alert={asked.alert} />;
  if ("measure" in asked) return <MeasureExplained asked={asked} />;
  if ("aggregate" in asked) return <SpanExplained asked={asked} />;
  return <WindowExplained asked={asked} />;
}
