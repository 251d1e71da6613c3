import { duration, withUnit } from "../format";
import { live } from "../live";
import type { LinkState } from "../live/connection";
import { useShortcuts } from "../shortcuts";
import { now } from "../time";

const words: Record<LinkState, string> = {
  connecting: "Connecting…",
  live: "Live",
  paused: "Paused",
  offline: "Reconnecting…",
  "signed-out": "Signed out",
};

function toggle() {
  const state = live.state.peek();
  if (state === "paused") live.resume();
  else if (state !== "signed-out") live.pause();
}

/** Says whether the numbers move and how old they are; pauses and resumes. */
export function LivePill() {
  const state = live.state.value;
  useShortcuts([{ keys: ["p"], label: "P", does: "pause or resume live updates", run: toggle }]);
  return (
    <button
      type="button"
      class="pill"
      data-state={state}
      aria-pressed={state === "paused"}
      title="Pause or resume live updates (P)"
      onClick={toggle}
    >
      <i /> {words[state]}
      <small>{detail()}</small>
    </button>
  );
}

function detail(): string {
  if (live.roundTrip.value !== null) return withUnit(live.roundTrip.value.toFixed(0), "ms");
  if (live.lostAt.value !== null) return duration((now.value - live.lostAt.value) / 1_000);
  return "";
}
