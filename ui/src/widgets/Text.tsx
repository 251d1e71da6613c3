import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import type { Kind, Props } from "./kind";

/** `[words](address)`; only addresses of the web and of this page are links. */
const LINK = /\[([^\]]+)\]\(((?:https?:\/\/|#\/)[^\s)]+)\)/g;

/** Paragraphs that the dashboard itself says: what its figures are, and whom to ask. */
function Text({ widget, title }: Props) {
  const heading = useId();
  return (
    <section class="panel" aria-labelledby={heading}>
      <header>
        <h2 id={heading}>{title}</h2>
      </header>
      <div class="prose" tabIndex={0} role="region" aria-label={`Text of ${title}`}>
        {(widget.options?.text ?? "").split(/\n\s*\n/).map((paragraph, i) => (
          <p key={i}>{linked(paragraph)}</p>
        ))}
      </div>
    </section>
  );
}

function linked(text: string): ComponentChildren[] {
  const parts: ComponentChildren[] = [];
  let end = 0;
  for (const match of text.matchAll(LINK)) {
    parts.push(text.slice(end, match.index));
    parts.push(
      <a href={match[2]} rel="noreferrer">
        {match[1]}
      </a>,
    );
    end = match.index + match[0].length;
  }
  return [...parts, text.slice(end)];
}

export const textKind: Kind = {
  type: "text",
  title: () => "About these figures",
  reads: null,
  place: { w: 4, height: 302 },
  component: Text,
};
