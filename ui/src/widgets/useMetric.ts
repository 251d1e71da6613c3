import type { Aggregate, MetricAnswer } from "../ask/metrics";
import { useAnswer, type Answer } from "../ask/useAnswer";
import { widgetMetric } from "../ask/widget";
import { figureOf, unitOf, type WidgetSpec } from "../definitions";
import { versus, type Range } from "../range";
import { keyOf, useAround, useRange } from "./context";

/** A window closes a minute or so after its end; asking more often would show nothing new. */
export const REFRESH_MS = 15_000;

type Asked = { answer: Answer<MetricAnswer>; aggregate: Aggregate; unit: string | undefined; range: Range };

/** A widget's metric over its range, and over what that is compared with. */
export function useMetric(widget: WidgetSpec, metric: string, points: number): Asked {
  const { dashboard, filters } = useAround();
  const range = useRange();
  const compared = versus.value;
  const { options = {} } = widget;
  const answer = useAnswer(
    `${metric} ${range.key} ${compared} ${points} ${keyOf(filters)}`,
    () => widgetMetric({ dashboard, widget: widget.id, filters }, metric, range, compared, points),
    range.span ? REFRESH_MS : 0,
  );
  const aggregate = (options.aggregate ?? figureOf(metric)) as Aggregate;
  const unit = aggregate === "count" || aggregate === "distinct" ? undefined : (options.unit ?? unitOf(metric));
  return { answer, aggregate, unit, range };
}
