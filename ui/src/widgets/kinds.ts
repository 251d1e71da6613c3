import { activityKind } from "./Activity";
import { alertsKind } from "./Alerts";
import { barKind } from "./Bar";
import { businessKind, campaignKind, revenueKind } from "./Business";
import { heatKind } from "./Heat";
import { ingestKind } from "./Ingest";
import type { Kind } from "./kind";
import { lateRowsKind } from "./LateRows";
import { funnelKind, retentionKind } from "./Asked";
import { gaugeKind } from "./Gauge";
import { heatmapKind } from "./Heatmap";
import { lineKind, stackedKind } from "./Line";
import { listKind } from "./List";
import { measureKind } from "./Measure";
import { metricKind } from "./Metric";
import { numberKind } from "./Number";
import { healthKind } from "./SystemHealth";
import { tableKind } from "./Table";
import { textKind } from "./Text";
import { topEventsKind } from "./TopEvents";
import { unknownKind } from "./Unknown";

/** Every kind of widget. A new one joins by its file and a name here. */
const kinds: readonly Kind[] = [
  measureKind,
  metricKind,
  ingestKind,
  lateRowsKind,
  activityKind,
  alertsKind,
  healthKind,
  heatKind,
  topEventsKind,
  businessKind,
  revenueKind,
  campaignKind,
  numberKind,
  gaugeKind,
  lineKind,
  stackedKind,
  funnelKind,
  retentionKind,
  heatmapKind,
  barKind,
  tableKind,
  listKind,
  textKind,
];

const byType = new Map(kinds.map((kind) => [kind.type, kind]));

/** The kind of that name; one that this page does not know says so in the widget's place. */
export const kindOf = (type: string): Kind => byType.get(type) ?? unknownKind;
