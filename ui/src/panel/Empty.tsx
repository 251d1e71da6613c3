import type { ComponentChildren } from "preact";

/** Nothing to show yet, and what to do about it. */
export function Empty({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <div class="message">
      <b>{title}</b>
      {children}
    </div>
  );
}
