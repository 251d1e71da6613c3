import { useOpenAlerts } from "../alerts/useOpenAlerts";
import { count, withUnit } from "../format";
import { useTopic } from "../live";
import { addressOf, currentRoute, routes } from "../routes";
import { helpOpen } from "./Help";
import { Icon } from "./Icon";

/** The navigation: a rail on a desk, icons on a tablet, tabs at the foot of a phone. */
export function Rail() {
  return (
    <nav class="rail" aria-label="Main">
      <div class="logo">
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <path d="M3 17l5-6 4 4 8-10" />
        </svg>
        <span>Hindcast</span>
      </div>
      {routes.map((route) => (
        <a
          key={route.path}
          href={addressOf(route)}
          aria-current={currentRoute.value === route ? "page" : undefined}
        >
          <Icon name={route.icon} />
          <span>{route.title}</span>
          {route === routes[0] && <AlertBadge />}
        </a>
      ))}
      <RailFoot />
    </nav>
  );
}

function AlertBadge() {
  const open = useOpenAlerts();
  if (open === 0) return null;
  return (
    <em>
      {open} <span class="unseen">{open === 1 ? "alert" : "alerts"} to acknowledge</span>
    </em>
  );
}

function RailFoot() {
  const ingest = useTopic("ingest").data.value;
  const rate = ingest?.rate.at(-1);
  const lag = ingest?.lag.at(-1);
  return (
    <div class="rail-foot">
      <div>
        <span>Ingest</span>
        <b>{rate == null ? "–" : withUnit(count(rate), "ev/s")}</b>
      </div>
      <div>
        <span>Lag</span>
        <b>{lag == null ? "–" : withUnit(count(lag), "ms")}</b>
      </div>
      <button type="button" class="plain" onClick={() => (helpOpen.value = true)}>
        <kbd>?</kbd> shortcuts
      </button>
    </div>
  );
}
