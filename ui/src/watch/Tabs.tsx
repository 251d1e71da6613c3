import { address, href } from "../router";

const TABS = [
  ["alerts", "Alerts"],
  ["rules", "Rules"],
  ["silences", "Silences"],
  ["channels", "Channels"],
] as const;

/** The pages about alerts, beside each other. */
export function Tabs() {
  const here = address.value.path[0] ?? "";
  const at = here === "rule" ? "rules" : here === "alert" ? "alerts" : here;
  return (
    <nav class="tabs" aria-label="Alerts">
      {TABS.map(([path, title]) => (
        <a key={path} href={href([path])} aria-current={at === path ? "page" : undefined}>
          {title}
        </a>
      ))}
    </nav>
  );
}
