import type { ComponentChildren } from "preact";
import { explain, type Why } from "./why";

/** A number that says where it comes from when it is clicked. */
export function Explained({ why, children }: { why: Why; children: ComponentChildren }) {
  return (
    <button type="button" class="plain why" title="Where this number comes from" onClick={() => explain(why)}>
      {children}
    </button>
  );
}
