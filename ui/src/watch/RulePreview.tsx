import { useEffect, useState } from "preact/hooks";
import { count, dayAndMinute, duration, figure } from "../format";
import { DataTable } from "../panel/DataTable";
import { pagesOf, preview, PREVIEW_DAYS, type Preview, type RuleSpec } from "./rule";

/** Typing rests so long, in milliseconds, before history is asked. */
const RESTS = 500;
const LISTED = 100;

/** "would have fired 3 times in 14 days: here", while the rule is written. */
export function RulePreview({ rule, ready }: { rule: RuleSpec; ready: boolean }) {
  const [found, setFound] = useState<Preview | null>(null);
  const [complaint, setComplaint] = useState("");
  const [asking, setAsking] = useState(false);
  const asked = JSON.stringify([rule.condition, rule.threshold, rule.clear_threshold, rule.for_s, rule.keep_firing_for_s, rule.no_data, rule.active]);
  useEffect(() => {
    if (!ready) return;
    let left = false;
    const timer = setTimeout(async () => {
      setAsking(true);
      try {
        const answer = await preview(rule);
        if (left) return;
        setFound(answer);
        setComplaint("");
      } catch (error) {
        if (!left) setComplaint(error instanceof Error ? error.message : String(error));
      }
      if (!left) setAsking(false);
    }, RESTS);
    return () => {
      left = true;
      clearTimeout(timer);
    };
  }, [asked, ready]);

  return (
    <section class="panel rule-preview" aria-label="What it would have done" aria-busy={asking}>
      <header>
        <h2>What it would have done</h2>
        <span class="note">in the last {PREVIEW_DAYS} days</span>
      </header>
      <div class="panel-body">
        <p class={complaint ? "complaint" : "verdict"} role="status">
          {complaint || (found ? verdict(found) : asking ? "Looking at the past…" : "Write a condition to see.")}
        </p>
        {found && !complaint && <Fired found={found} />}
      </div>
    </section>
  );
}

function verdict(found: Preview): string {
  if (found.samples === 0) return "There are no samples of this metric in these days.";
  if (found.pages === 0) return `It would not have fired in the ${count(found.samples)} windows that are known.`;
  const often = found.pages === 1 ? "once" : `${count(found.pages)} times`;
  const weekly = found.pages_per_week === null ? "" : `, ${figure(found.pages_per_week)} ${found.pages_per_week === 1 ? "page" : "pages"} a week`;
  return `It would have fired ${often}${weekly}; for ${duration(found.firing_s)} in all.`;
}

function Fired({ found }: { found: Preview }) {
  const pages = pagesOf(found);
  const [from, to] = [Date.parse(found.from), Date.parse(found.to)];
  const at = (time: number) => ((Math.max(time, from) - from) / Math.max(to - from, 1)) * 1_000;
  if (pages.length === 0) return null;
  return (
    <>
      <svg class="fired-strip" viewBox="0 0 1000 36" preserveAspectRatio="none" role="img" aria-label={`${pages.length} spans in which it would have fired`}>
        <rect class="ground" x="0" y="14" width="1000" height="8" rx="4" />
        {pages.map((page, i) => (
          <rect key={i} class="fired" x={at(page.from)} y="6" width={Math.max(at(page.to) - at(page.from), 3)} height="24" rx="2" />
        ))}
      </svg>
      <p class="strip-ends quiet">
        <span>{dayAndMinute(from / 1_000)}</span>
        <span>{dayAndMinute(to / 1_000)}</span>
      </p>
      <DataTable
        label="When it would have fired, newest first"
        rows={pages.slice(-LISTED).reverse()}
        rowKey={({ from, key }) => `${from} ${key}`}
        columns={[
          { title: "From", cell: ({ from }) => dayAndMinute(from / 1_000) },
          { title: "For", cell: ({ from, to }) => duration((to - from) / 1_000) },
          { title: "Key", cell: ({ key }) => key || "–" },
          { title: "Value", numeric: true, cell: ({ value }) => (value === null ? "–" : figure(value)) },
        ]}
      />
    </>
  );
}
