import { acknowledge, isAcknowledged, needsAcknowledgement } from "../alerts/acknowledge";
import { duration } from "../format";
import type { Alert, Severity } from "../live/data";
import { href } from "../router";
import { clock } from "../moment";

const shapes: Record<Severity, string> = { critical: "■", high: "◆", medium: "▲", low: "●" };

type Props = { alert: Alert; inTabOrder: boolean; onFocus: () => void };

/** Severity as shape, colour and word; what happened; since when; and the one thing to do about it. */
export function AlertRow({ alert, inTabOrder, onFocus }: Props) {
  const open = needsAcknowledgement(alert);
  return (
    <li
      data-id={alert.id}
      data-state={alert.state}
      class={open ? "open" : ""}
      tabIndex={inTabOrder ? 0 : -1}
      onFocusCapture={onFocus}
    >
      <span class={`severity ${alert.severity}`} aria-hidden="true">
        {shapes[alert.severity]}
      </span>
      <div class="what">
        <a class="behind" href={href(["alerts", alert.id])} tabIndex={-1} title="What is behind it">
          <span class="unseen">{alert.title}: what is behind it</span>
        </a>
        <b title={alert.title}>{alert.title}</b>
        <small title={alert.detail}>
          <span class={`word ${alert.severity}`}>{alert.severity}</span> · {alert.detail.replaceAll(" %", "\u202f%")}
        </small>
      </div>
      <time dateTime={new Date(alert.t * 1_000).toISOString()}>{duration(clock.value / 1_000 - alert.t)}</time>
      {open ? (
        <button
          type="button"
          class="button small"
          title="Acknowledge (A)"
          onClick={() => acknowledge(alert)}
        >
          Ack <span class="unseen">{alert.title}</span>
        </button>
      ) : (
        <span class="standing" title={alert.acked_by ? `by ${alert.acked_by}` : undefined}>
          {alert.state === "firing" && isAcknowledged(alert) ? "acked" : alert.state}
        </span>
      )}
    </li>
  );
}
