import type { Layout } from "../layout";

/** The first page: is anything wrong, and is it busy? */
export const overview: Layout = {
  title: "Overview",
  subtitle: "All sources",
  rows: [
    {
      columns: 5,
      height: 142,
      stretch: false,
      widgets: [
        {
          kind: "measure",
          topic: "user_activity",
          title: "Active users, 5 min",
          span: 1,
          options: { measure: "active_users", better: "higher", comparison: "prior 5 min" },
        },
        {
          kind: "measure",
          topic: "user_activity",
          title: "Events per minute",
          span: 1,
          options: { measure: "events_per_minute", better: "higher", comparison: "prior min" },
        },
        { kind: "ingest", topic: "ingest", title: "Ingest, events/s", span: 1 },
        {
          kind: "measure",
          topic: "user_activity",
          title: "Events, total",
          span: 1,
          options: { measure: "events_total", better: "higher", comparison: "since the log began" },
        },
        {
          kind: "measure",
          topic: "user_activity",
          title: "Rejected, 1 h",
          span: 1,
          options: { measure: "rejected", better: "lower", comparison: "prior hour" },
        },
      ],
    },
    {
      columns: 12,
      height: 354,
      stretch: true,
      widgets: [
        { kind: "activity", topic: "activity_series", title: "User activity", span: 8 },
        { kind: "alerts", topic: "alerts", title: "Alerts", span: 4 },
      ],
    },
    {
      columns: 12,
      height: 302,
      stretch: true,
      widgets: [
        { kind: "health", topic: "system_health", title: "System health", span: 4 },
        { kind: "heat", topic: "activity_heat", title: "Activity by weekday and hour", span: 4 },
        { kind: "top-events", topic: "top_events", title: "Top events", span: 4 },
      ],
    },
  ],
};
