import type { View } from "../live/topic";
import { Change } from "../widgets/Measure";
import { Tile } from "../widgets/Tile";
import { Explained } from "./Explained";
import { figureOf, KPIS, said, type Summary } from "./summary";

/** One KPI: its figure, what it was in the span before, and its trend. A click says what it means and what it is made of. */
export function KpiTile({ name, topic, open }: { name: string; topic: View<Summary>; open: (name: string) => void }) {
  const { title, better } = KPIS[name]!;
  return (
    <Tile
      title={title}
      topic={topic}
      figure={({ kpis, trends, currency }) => {
        const kpi = kpis[name]!;
        const [now, before] = [figureOf(kpi), kpi.previous];
        const trend = trends[name]!;
        const history = trend.history.filter(({ complete, value }) => complete && value !== null).map(({ value }) => value!);
        return {
          value: said(name, now, currency),
          shown: (text) => <Explained title={title} open={() => open(name)} text={text} />,
          note: trend.trend ? `${{ up: "rises", flat: "steady", down: "falls" }[trend.trend]}` : undefined,
          below:
            now === null ? (
              <span class="versus">nothing to divide by</span>
            ) : before === null ? (
              <span class="versus">not known before</span>
            ) : (
              <>
                <Change now={now} before={before} better={better} />
                <span class="versus">vs {said(name, before, currency)} before</span>
              </>
            ),
          trend: history.length > 1 ? history.slice(-60) : undefined,
        };
      }}
    />
  );
}
