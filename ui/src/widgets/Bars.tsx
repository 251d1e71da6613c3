import { Explained } from "../explain/Number";
import type { Why } from "../explain/why";
import { shared } from "../shared/mode";
import { Linked, type Opens } from "./writing";

export type BarShown = { name: string; value: number; text: string; link?: string; opens?: Opens; why?: Why };

/** A bar for each name, as long as its value is beside the greatest. */
export function Bars({ title, bars }: { title: string; bars: BarShown[] }) {
  const longest = Math.max(...bars.map(({ value }) => Math.abs(value)), Number.MIN_VALUE);
  return (
    <ul class="bars" tabIndex={0} aria-label={title}>
      {bars.map(({ name, value, text, link, opens, why }, i) => (
        <li key={`${i} ${name}`} class={value < 0 ? "below-zero" : ""}>
          <span class="bar-name" title={name}>
            {link && !shared ? (
              <a class="cell-link" href={link}>
                {name}
              </a>
            ) : (
              <Linked name={name} opens={opens} />
            )}
          </span>
          <b>{why && !shared ? <Explained why={why}>{text}</Explained> : text}</b>
          <i style={{ "--part": Math.abs(value) / longest }} />
        </li>
      ))}
    </ul>
  );
}
