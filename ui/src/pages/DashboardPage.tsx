import { dashboards, definitionsTopic } from "../definitions";
import { live } from "../live";
import { goTo, moment } from "../moment";
import { Failed } from "../panel/Failed";
import { Skeleton } from "../panel/Skeleton";
import { href } from "../router";
import { WidgetGrid } from "../widgets/WidgetGrid";
import type { Captured } from "./routes";

const OFFLINE = { message: "The server cannot be reached; trying again", ref: "offline" };

/** A dashboard, as it is defined at this moment. */
export function DashboardPage({ captured }: { captured: Captured }) {
  const found = dashboards.value;
  const problem = definitionsTopic.problem.value;
  if (problem && found === null) {
    return (
      <section class="panel nowhere" aria-label="Dashboard">
        <Failed problem={problem} retry={definitionsTopic.retry} />
      </section>
    );
  }
  if (found === null) {
    const offline = live.state.value === "offline";
    return (
      <section class="panel nowhere" aria-label="Dashboard" aria-busy={!offline}>
        {offline ? <Failed problem={OFFLINE} retry={() => live.connect()} /> : <Skeleton shape="line" title="the dashboard" />}
      </section>
    );
  }
  const dashboard = found.find(({ name }) => name === captured.id);
  if (!dashboard) return <Missing id={captured.id ?? ""} others={found.length} />;
  if (dashboard.spec.widgets.length === 0) {
    return (
      <section class="panel nowhere" aria-label={dashboard.spec.name}>
        <div class="message">
          <b>{dashboard.spec.name} has no widgets yet</b>
          <span>Give its definition some under `widgets`; they appear here at once.</span>
          <a class="button" href={href(["definitions", "dashboard", dashboard.name])}>
            Its definition
          </a>
        </div>
      </section>
    );
  }
  return <WidgetGrid key={dashboard.name} dashboard={dashboard.spec} />;
}

function Missing({ id, others }: { id: string; others: number }) {
  const then = moment.value?.how === "as_of" ? moment.value : null;
  return (
    <section class="panel nowhere" aria-label="Dashboard">
      <div class="message">
        <b>{then ? `The dashboard ${id} was not defined then` : others === 0 ? "No dashboard is defined yet" : `There is no dashboard ${id}`}</b>
        <span>
          {then
            ? `It was not known at that moment. As it is known now, the dashboards of today show what had happened by then.`
            : others === 0
            ? "Define one under `dashboards` in the configuration, or with `hindcast apply`; it appears here at once."
            : "It may have been removed. Should it be defined again, it appears here at once."}
        </span>
        {then && (
          <button type="button" class="button" onClick={() => goTo(then.at, "valid_at")}>
            As it is known now
          </button>
        )}
        <a class="button" href={others === 0 ? href(["events"]) : href(["definitions"], { kind: "dashboard" })}>
          {others === 0 ? "Look at the events" : "All dashboards"}
        </a>
      </div>
    </section>
  );
}
