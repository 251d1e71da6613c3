import { useEffect, useRef, useState } from "preact/hooks";
import { acknowledge, needsAcknowledgement } from "../alerts/acknowledge";
import { askAlerts } from "../ask/activity";
import { useOverRange } from "../ask/useOverRange";
import type { Alert, Severity } from "../live/data";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import { linkedAlert } from "../alerts/linked";
import { range, type Range } from "../range";
import { moment } from "../moment";
import { go, href } from "../router";
import { useShortcuts } from "../shortcuts";
import { AlertRow } from "./AlertRow";
import type { Kind, Props } from "./kind";

const severities: Severity[] = ["critical", "high", "medium", "low"];
const states: Alert["state"][] = ["firing", "pending", "resolved"];

/** Firing first, then by severity, then newest first. Acknowledging does not move a row from under the reader. */
function inOrder(alerts: Record<string, Alert>): Alert[] {
  return Object.values(alerts).sort(
    (a, b) =>
      states.indexOf(a.state) - states.indexOf(b.state) ||
      severities.indexOf(a.severity) - severities.indexOf(b.severity) ||
      b.t - a.t,
  );
}

const stateOf: Record<string, Alert["state"]> = {
  "alert.fired": "firing",
  "alert.acknowledged": "firing",
  "alert.pending": "pending",
  "alert.resolved": "resolved",
};

/** The alerts of a range of the past, as they stood at its end. */
async function ask(chosen: Range): Promise<Record<string, Alert>> {
  const found: Record<string, Alert> = {};
  for (const [id, rule, key, severity, message, t, type, by] of await askAlerts(chosen)) {
    const state = stateOf[type];
    if (!state) continue; // it calmed down before it fired
    found[id] = {
      ...{ id, rule, t, state, past: true, acked_by: by, acknowledged: by !== null },
      severity: severity as Severity,
      title: key ? `${rule} · ${key}` : rule,
      detail: message ?? "",
    };
  }
  return found;
}

/** As they stood at a moment of the past: nothing can be done about them there. */
const asPast = (alerts: Record<string, Alert>): Record<string, Alert> =>
  moment.value === null ? alerts : Object.fromEntries(Object.entries(alerts).map(([id, alert]) => [id, { ...alert, past: true }]));

/** Alerts as they are at the moment of the page; where the range ends earlier, as they were at its end. */
export function Alerts({ title }: Props) {
  const endsNow = range.value.span !== null;
  const topic = useOverRange("alerts", ask, endsNow && moment.value?.how !== "valid_at");
  const list = useRef<HTMLUListElement>(null);
  const [chosen, choose] = useState<string | null>(null);
  const alerts = inOrder(asPast(topic.data.value ?? {}));
  const firing = alerts.filter((alert) => alert.state === "firing");
  const place = alerts.findIndex((alert) => alert.id === chosen);

  function move(by: number) {
    const next = place < 0 ? 0 : Math.max(0, Math.min(alerts.length - 1, place + by));
    list.current?.querySelectorAll("li")[next]?.focus();
  }

  const linked = alerts.some((alert) => alert.id === linkedAlert.value) ? linkedAlert.value : null;
  useEffect(() => {
    if (linked) list.current?.querySelector<HTMLElement>(`li[data-id="${CSS.escape(linked)}"]`)?.focus();
  }, [linked]);

  function openFocused() {
    const focused = list.current?.querySelector<HTMLElement>("li:focus")?.dataset.id;
    if (focused) go(href(["alerts", focused]));
  }

  function acknowledgeFocused() {
    const focused = list.current?.querySelector<HTMLElement>("li:focus-within")?.dataset.id;
    const alert = alerts.find((candidate) => candidate.id === focused);
    if (alert) void acknowledge(alert);
  }

  useShortcuts([
    { keys: ["j", "k"], label: "J K", does: "next or previous alert", run: (key) => move(key === "j" ? 1 : -1) },
    { keys: ["Enter"], label: "↵", does: "open the alert in focus", run: openFocused },
    { keys: ["a"], label: "A", does: "acknowledge the alert in focus", run: acknowledgeFocused },
  ]);

  return (
    <Panel
      title={title}
      topic={topic}
      shape="rows"
      note={bySeverity(firing)}
      tools={topic.data.value && <FiringChip firing={firing} />}
      isEmpty={() => alerts.length === 0}
      empty={
        <Empty title="All quiet">
          <span>
            {endsNow
              ? "No alert rule is pending or firing. What fires will be listed here."
              : "No alert was pending or fired in the range of the top bar."}
          </span>
        </Empty>
      }
    >
      {() => (
        <ul class="alerts" ref={list}>
          {alerts.map((alert, i) => (
            <AlertRow
              key={alert.id}
              alert={alert}
              inTabOrder={i === Math.max(0, place)}
              onFocus={() => choose(alert.id)}
            />
          ))}
        </ul>
      )}
    </Panel>
  );
}

function FiringChip({ firing }: { firing: Alert[] }) {
  const tone = firing.length === 0 ? "good" : firing.some(needsAcknowledgement) ? "crit" : "calm";
  return (
    <span class={`chip ${tone}`} aria-live="polite">
      {firing.length} firing
    </span>
  );
}

/** "1 critical · 2 high". */
function bySeverity(alerts: Alert[]): string {
  return severities
    .map((severity) => [alerts.filter((alert) => alert.severity === severity).length, severity] as const)
    .filter(([n]) => n > 0)
    .map(([n, severity]) => `${n} ${severity}`)
    .join(" · ");
}

export const alertsKind: Kind = {
  type: "alert_system",
  title: () => "Alerts",
  reads: "alerts",
  place: { w: 4, height: 354 },
  component: Alerts,
};
