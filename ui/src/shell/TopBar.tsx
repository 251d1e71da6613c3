import { currentRoute } from "../routes";
import { useShortcuts } from "../shortcuts";
import { switchTheme, theme } from "../theme";
import { helpOpen } from "./Help";
import { Icon } from "./Icon";
import { LivePill } from "./LivePill";

export function TopBar() {
  const route = currentRoute.value;
  useShortcuts([{ keys: ["t"], label: "T", does: "switch between dark and light", run: switchTheme }]);
  return (
    <header class="top">
      <h1>{route?.title ?? "No such page"}</h1>
      {route && <span class="crumb">{route.subtitle}</span>}
      <span class="spring" />
      <LivePill />
      <button
        type="button"
        class="button square help-button"
        aria-label="Keyboard shortcuts (?)"
        onClick={() => (helpOpen.value = true)}
      >
        ?
      </button>
      <button type="button" class="button square" aria-label="Switch theme (T)" onClick={switchTheme}>
        <Icon name={theme.value === "dark" ? "sun" : "moon"} />
      </button>
    </header>
  );
}
