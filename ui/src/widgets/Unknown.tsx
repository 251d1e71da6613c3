import type { Kind, Props } from "./kind";

/** Stands where a dashboard has a widget that this version of the page does not know. */
function Unknown({ widget, title }: Props) {
  return (
    <section class="panel" aria-label={title}>
      <header>
        <h2>{title}</h2>
      </header>
      <div class="message">
        <b>This page knows no widget of type {widget.type}</b>
        <span>Reload the page: it may be older than its server.</span>
      </div>
    </section>
  );
}

export const unknownKind: Kind = {
  type: "",
  title: (widget) => widget.id,
  reads: null,
  place: { w: 4, height: 302 },
  component: Unknown,
};
