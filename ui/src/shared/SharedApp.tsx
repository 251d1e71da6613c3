import { useEffect } from "preact/hooks";
import { AskError } from "../ask/request";
import { live } from "../live";
import { Skeleton } from "../panel/Skeleton";
import { chooseSpan, range, SPANS, type Span } from "../range";
import { address } from "../router";
import { Rotation } from "../sharing/Rotation";
import { RangeControl } from "../shell/RangeControl";
import { Icon } from "../shell/Icon";
import { LivePill } from "../shell/LivePill";
import { switchTheme, theme } from "../theme";
import { dayAndMinute } from "../format";
import { problem } from "./load";
import { view } from "./mode";

/** What a link shows: its dashboards, and nothing that leads further. */
export function SharedApp() {
  const found = view.value;
  useEffect(() => {
    if (found) document.title = `${found.title ?? found.dashboards[0]?.name ?? "Dashboard"} · Hindcast`;
  }, [found]);
  useEffect(() => {
    const wanted = found?.range ?? found?.dashboards[0]?.range;
    if (wanted && wanted in SPANS && !address.peek().params.has("range") && wanted !== range.peek().span) chooseSpan(wanted as Span);
  }, [found]);
  const over = live.state.value === "signed-out";
  return (
    <div class="body shared">
      <header class="top">
        <h1>{found?.title ?? "Dashboard"}</h1>
        {found?.filtered && found.filtered.length > 0 && <span class="crumb">only some rows, by {found.filtered.join(", ")}</span>}
        {found?.expires != null && <span class="crumb">until {dayAndMinute(found.expires)}</span>}
        <span class="spring" />
        <RangeControl answered="some" />
        {found && !over && <LivePill />}
        <button type="button" class="button square" aria-label="Switch theme (T)" onClick={switchTheme}>
          <Icon name={theme.value === "dark" ? "sun" : "moon"} />
        </button>
      </header>
      <main id="main" tabIndex={-1}>
        {over || problem.value ? (
          <Ended problem={problem.value} />
        ) : found === null ? (
          <section class="panel nowhere" aria-label="Dashboard" aria-busy="true">
            <Skeleton shape="rows" title="the dashboard" />
          </section>
        ) : (
          <Rotation boards={found.dashboards} every={found.every_s} />
        )}
      </main>
    </div>
  );
}

function Ended({ problem }: { problem: AskError | null }) {
  return (
    <section class="panel nowhere" aria-label="Dashboard">
      <div class="message" role="alert">
        <b>{problem && problem.status === 0 ? "The server cannot be reached" : "This link has ended"}</b>
        <span>{problem && problem.status === 0 ? "Try again in a moment." : "It was revoked, or its time is over. Ask whoever sent it for a new one."}</span>
      </div>
    </section>
  );
}
