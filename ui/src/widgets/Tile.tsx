import type { ComponentChildren } from "preact";
import type { Behind } from "../behind";
import { Spark } from "../charts/Spark";
import { Explained } from "../explain/Number";
import type { Why } from "../explain/why";
import type { View } from "../live/topic";
import { shared } from "../shared/mode";
import { staleness } from "../panel/Panel";

export type Figure = {
  value: string;
  /** Where it comes from: opened by a click on it. */
  why?: Why;
  /** Draws the value, where a click on it opens something of its own. */
  shown?: (value: string) => ComponentChildren;
  /** Beside it in small type: what cannot be added to it, such as another currency. */
  aside?: { text: string; whole: string };
  below: ComponentChildren;
  trend?: number[];
  /** Beside the title: which span the figure covers. */
  note?: string;
};

type Props<T> = {
  title: string;
  topic: View<T>;
  figure: (data: T) => Figure;
  restless?: number;
  /** Where a click on the tile leads. */
  behind?: (data: T) => Behind;
};

/** One figure in large type, what it compares with, and its trend. */
export function Tile<T>({ title, topic, figure, restless, behind }: Props<T>) {
  const data = topic.data.value;
  const problem = topic.problem.value;
  const stale = staleness(topic, restless) !== null || topic.stale.value !== "";

  if (problem) {
    return (
      <section class="tile" aria-label={title}>
        <div class="tile-title">{title}</div>
        <p class="tile-problem" role="alert">
          {problem.message}
        </p>
        <div class="tile-below">
          <span class="versus">ref {problem.ref}</span>
          <button type="button" class="button small" onClick={topic.retry}>
            Retry
          </button>
        </div>
      </section>
    );
  }
  if (data === null) {
    return (
      <section class="tile" aria-label={title} aria-busy="true">
        <div class="tile-title">{title}</div>
        <div class="skeleton figure">
          <i />
          <i />
        </div>
      </section>
    );
  }
  const { value, why, shown, aside, below, trend, note } = figure(data);
  const leads = shared ? undefined : behind?.(data);
  return (
    <section class={stale ? "tile stale" : "tile"} aria-label={title}>
      <div class="tile-title" title={topic.stale.value || undefined}>
        <span>{title}</span>
        {note && <small>{note}</small>}
      </div>
      <div class="tile-value">
        <span>{why && !shared ? <Explained why={why}>{value}</Explained> : shown ? shown(value) : value}</span>
        {aside && <small title={aside.whole}>{aside.text}</small>}
      </div>
      <div class="tile-below">{below}</div>
      {trend && <Spark values={trend} label={`${title}: trend over ${trend.length} points`} />}
      {leads && (
        <a class="behind" href={leads.link} title={leads.says}>
          <span class="unseen">
            {title}: {leads.says}
          </span>
        </a>
      )}
    </section>
  );
}
