import { moment } from "../moment";
import { paletteOpen } from "../palette/open";
import { current } from "../pages/routes";
import { useShortcuts } from "../shortcuts";
import { switchTheme, theme } from "../theme";
import { helpOpen } from "./Help";
import { Icon } from "./Icon";
import { LivePill } from "./LivePill";
import { MomentControl } from "./MomentControl";
import { titleHere } from "./PageTitle";
import { RangeControl } from "./RangeControl";

export function TopBar() {
  const { route, captured } = current.value ?? {};
  const Tools = route?.tools;
  useShortcuts([{ keys: ["t"], label: "T", does: "switch between dark and light", run: switchTheme }]);
  return (
    <header class="top">
      <h1>{titleHere()}</h1>
      {route && <span class="crumb">{route.crumb}</span>}
      <span class="spring" />
      {Tools && (
        <div class="top-tools">
          <Tools captured={captured ?? {}} />
        </div>
      )}
      <button type="button" class="button find-button" aria-haspopup="dialog" title="Find (Ctrl-K)" onClick={() => (paletteOpen.value = true)}>
        <Icon name="search" />
        <span class="spelt">Find</span>
        <kbd>Ctrl K</kbd>
      </button>
      <MomentControl />
      <RangeControl answered={route?.range ?? "none"} />
      {moment.value === null && <LivePill />}
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
