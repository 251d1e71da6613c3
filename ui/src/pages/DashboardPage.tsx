import { dashboards } from "../definitions";
import { Failed } from "../panel/Failed";
import { Skeleton } from "../panel/Skeleton";
import { WidgetGrid } from "../widgets/WidgetGrid";
import type { Captured } from "./routes";

/** A dashboard, as the server defines it. */
export function DashboardPage({ captured }: { captured: Captured }) {
  const found = dashboards.data.value;
  if (dashboards.problem.value) {
    return (
      <section class="panel nowhere" aria-label="Dashboard">
        <Failed problem={dashboards.problem.value} retry={dashboards.retry} />
      </section>
    );
  }
  if (found === null) {
    return (
      <section class="panel nowhere" aria-label="Dashboard" aria-busy="true">
        <Skeleton shape="line" title="the dashboard" />
      </section>
    );
  }
  const dashboard = found.find(({ name }) => name === captured.id);
  if (!dashboard) {
    return (
      <section class="panel nowhere" aria-label="Dashboard">
        <div class="message">
          <b>No dashboard is called {captured.id}</b>
          <span>Dashboards are declared in the configuration, under `dashboards`.</span>
        </div>
      </section>
    );
  }
  if (dashboard.spec.widgets.length === 0) {
    return (
      <section class="panel nowhere" aria-label={dashboard.spec.name}>
        <div class="message">
          <b>{dashboard.spec.name} has no widgets yet</b>
          <span>Add some under its `widgets` in the configuration.</span>
        </div>
      </section>
    );
  }
  return <WidgetGrid key={dashboard.name} dashboard={dashboard.spec} />;
}
