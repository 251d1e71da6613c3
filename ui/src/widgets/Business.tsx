import { useNamedTopic } from "../ask/useTopic";
import { compact, count, duration, figure, money } from "../format";
import { Spark } from "../charts/Spark";
import { DataTable, type Column } from "../panel/DataTable";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import { href } from "../router";
import { now } from "../time";
import type { Kind, Props } from "./kind";
import { Change } from "./Measure";

type Figure = { v: number; prev: number; now: number; spark?: number[] };
type Metrics = { title: string; active_users: Figure; eligible: Figure; converted: Figure; revenue: Record<string, Figure>; spend: Record<string, Figure> };
type Currency = Figure & { payments: number; average: number | null; refunded: number; hours: { t: number; v: number }[]; by: { value: string; v: number; prev: number }[] };
type Revenue = { title: string; segment: string | null; currencies: Record<string, Currency> };
type Campaign = { campaign: string; sent: number | null; opened: number | null; clicked: number | null; converted: number | null; open_rate: number | null; click_rate: number | null; spend: Record<string, number>; cost_per_acquisition: Record<string, number | null>; t: number };
type Campaigns = { title: string; rows: Campaign[]; campaigns: number };

const share = (value: number | null) => (value === null ? "–" : `${(value * 100).toFixed(1)}\u202f%`);

function Nothing({ what }: { what: string }) {
  return (
    <Empty title={`No ${what} yet`}>
      <span>
        Say which events mean what, with <code>businesses</code> in a configuration file; figures are of the last 24 whole hours.
      </span>
    </Empty>
  );
}

type Line = { business: string; title: string; write: (value: number) => string; figure: Figure; better: "higher" | "lower" };

const lines: Column<Line>[] = [
  { title: "Figure", cell: ({ title }) => title },
  { title: "24 h", numeric: true, cell: ({ figure: { v }, write }) => write(v) },
  { title: "Change", numeric: true, roomy: true, cell: ({ figure: { v, prev }, better }) => <Change now={v} before={prev} better={better} /> },
  { title: "This hour", numeric: true, cell: ({ figure: { now }, write }) => write(now) },
  { title: "Trend", roomy: true, cell: ({ figure: { spark }, title }) => spark && <Spark values={spark} label={`${title}: trend`} /> },
];

/** Revenue, users and conversions of each business, live. */
function BusinessMetrics({ title }: Props) {
  const topic = useNamedTopic("business_metrics");
  const data = (topic.data.value ?? {}) as Record<string, Metrics>;
  const rows = Object.entries(data).flatMap(([business, said]): Line[] => [
    ...Object.entries(said.revenue).map(([code, figure]): Line => ({ business, title: `Revenue, ${said.title}`, write: (value) => money(value, code), figure, better: "higher" })),
    { business, title: `Active users, ${said.title}`, write: count, figure: said.active_users, better: "higher" },
    { business, title: `Conversions, ${said.title}`, write: count, figure: said.converted, better: "higher" },
    ...Object.entries(said.spend).map(([code, figure]): Line => ({ business, title: `Spent, ${said.title}`, write: (value) => money(value, code), figure, better: "lower" })),
  ]);
  return (
    <Panel
      title={title}
      topic={topic}
      shape="rows"
      note={<a href={href(["executive"])}>last 24 whole hours, against the 24 before</a>}
      isEmpty={() => rows.length === 0}
      empty={<Nothing what="business" />}
    >
      {() => <DataTable label={`${title}: rows`} columns={lines} rows={rows} rowKey={({ business, title, write }) => `${business} ${title} ${write(1)}`} />}
    </Panel>
  );
}

type Taken = { business: string; code: string; said: Currency; of: string };

const taken: Column<Taken>[] = [
  { title: "Business", cell: ({ of, code }) => `${of}, ${code}` },
  { title: "24 h", numeric: true, cell: ({ said, code }) => money(said.v, code) },
  { title: "Change", numeric: true, roomy: true, cell: ({ said: { v, prev } }) => <Change now={v} before={prev} better="higher" /> },
  { title: "Payments", numeric: true, cell: ({ said }) => compact(said.payments) },
  { title: "Average", numeric: true, roomy: true, cell: ({ said, code }) => (said.average === null ? "–" : money(said.average, code)) },
  { title: "48 h", roomy: true, cell: ({ said, of }) => <Spark values={said.hours.map(({ v }) => v)} label={`Revenue of ${of} by the hour`} /> },
  { title: "Most from", roomy: true, cell: ({ said, code }) => (said.by[0] ? `${said.by[0].value || "none"}: ${money(said.by[0].v, code)}` : "–") },
];

/** What comes in, hour by hour, in each currency. */
function RevenueTracking({ title }: Props) {
  const topic = useNamedTopic("revenue_tracking");
  const data = (topic.data.value ?? {}) as Record<string, Revenue>;
  const rows = Object.entries(data).flatMap(([business, { title: of, currencies }]) => Object.entries(currencies).map(([code, said]): Taken => ({ business, code, said, of })));
  return (
    <Panel title={title} topic={topic} shape="rows" note="last 24 whole hours, less what was paid back" isEmpty={() => rows.length === 0} empty={<Nothing what="revenue" />}>
      {() => <DataTable label={`${title}: rows`} columns={taken} rows={rows} rowKey={({ business, code }) => `${business} ${code}`} />}
    </Panel>
  );
}

const campaigns: Column<Campaign & { of: string }>[] = [
  { title: "Campaign", wide: true, cell: ({ campaign, of }) => (
    <span>
      <b>{campaign}</b>
      <small>{of}</small>
    </span>
  ) },
  { title: "Sent", numeric: true, cell: ({ sent }) => (sent === null ? "–" : compact(sent)) },
  { title: "Opened", numeric: true, cell: ({ open_rate, opened }) => <span title={opened === null ? "" : figure(opened)}>{share(open_rate)}</span> },
  { title: "Clicked", numeric: true, cell: ({ click_rate, clicked }) => <span title={clicked === null ? "" : figure(clicked)}>{share(click_rate)}</span> },
  { title: "Converted", numeric: true, roomy: true, cell: ({ converted }) => (converted === null ? "–" : compact(converted)) },
  { title: "Cost each", numeric: true, roomy: true, cell: ({ cost_per_acquisition: costs }) => Object.entries(costs).map(([code, cost]) => (cost === null ? "–" : money(cost, code))).join(", ") || "–" },
  { title: "Newest", numeric: true, roomy: true, cell: ({ t }) => `${duration(now.value / 1_000 - t)} ago` },
];

/** What becomes of each campaign, the newest first. */
function CampaignPerformance({ title }: Props) {
  const topic = useNamedTopic("campaign_performance");
  const data = (topic.data.value ?? {}) as Record<string, Campaigns>;
  const rows = Object.values(data).flatMap(({ title: of, rows }) => rows.map((row) => ({ ...row, of })));
  return (
    <Panel title={title} topic={topic} shape="rows" note="all so far, the newest first" isEmpty={() => rows.length === 0} empty={<Nothing what="campaign" />}>
      {() => <DataTable label={`${title}: rows`} columns={campaigns} rows={rows} rowKey={({ of, campaign }) => `${of} ${campaign}`} />}
    </Panel>
  );
}

const kind = (type: string, title: string, component: Kind["component"], w: number): Kind => ({ type, title: () => title, reads: null, place: { w, height: 302 }, component });

export const businessKind = kind("business_metrics", "Business metrics", BusinessMetrics, 5);
export const revenueKind = kind("revenue_tracking", "Revenue", RevenueTracking, 7);
export const campaignKind = kind("campaign_performance", "Campaigns", CampaignPerformance, 12);
