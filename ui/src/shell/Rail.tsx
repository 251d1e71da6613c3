import { useEffect, useRef, useState } from "preact/hooks";
import { useOpenAlerts } from "../alerts/useOpenAlerts";
import { count, withUnit } from "../format";
import { useTopicNow } from "../ask/useTopic";
import { moment } from "../moment";
import { rail, type RailLink } from "../pages/routes";
import { address } from "../router";
import { helpOpen } from "./Help";
import { Icon } from "./Icon";

/** The navigation in groups: a rail on a desk, icons on a tablet; on a phone the first of each group are tabs at its foot. */
export function Rail() {
  return (
    <nav class="rail" aria-label="Main">
      <div class="logo">
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <path d="M3 17l5-6 4 4 8-10" />
        </svg>
        <span>Hindcast</span>
      </div>
      <div class="rail-groups">
        {rail.value.map(({ title, links }) => (
          <div key={title} class="rail-group" role="group" aria-label={title || "Start"}>
            {title && (
              <span class="rail-title" aria-hidden="true">
                {title}
              </span>
            )}
            {links.map((link) => (
              <Item key={link.link} link={link} />
            ))}
          </div>
        ))}
      </div>
      <More />
      <RailFoot />
    </nav>
  );
}

function Item({ link }: { link: RailLink }) {
  return (
    <a href={link.link} class={link.tab ? "tab" : ""} title={link.title} aria-current={link.here ? "page" : undefined}>
      <Icon name={link.icon} />
      <span>{link.title}</span>
      {link.alerts && <AlertBadge />}
    </a>
  );
}

/** On a phone: every page there is, in groups. */
function More() {
  const dialog = useRef<HTMLDialogElement>(null);
  const [open, setOpen] = useState(false);
  const { path } = address.value;
  useEffect(() => setOpen(false), [path.join("/")]);
  useEffect(() => {
    if (open) dialog.current?.showModal();
  }, [open]);
  return (
    <>
      <button type="button" class="more" aria-haspopup="dialog" aria-expanded={open} onClick={() => setOpen(true)}>
        <Icon name="more" />
        <span>More</span>
      </button>
      {open && (
        <dialog ref={dialog} class="help more-sheet" aria-label="All pages" onClose={() => setOpen(false)}>
          {rail.value.map(({ title, links }) => (
            <div key={title} role="group" aria-label={title || "Start"}>
              {title && <h2>{title}</h2>}
              {links.map((link) => (
                <a key={link.link} href={link.link} aria-current={link.here ? "page" : undefined}>
                  <Icon name={link.icon} />
                  {link.title}
                </a>
              ))}
            </div>
          ))}
          <button type="button" class="button" onClick={() => setOpen(false)}>
            Close
          </button>
        </dialog>
      )}
    </>
  );
}

function AlertBadge() {
  const open = useOpenAlerts();
  if (open === 0) return null;
  return (
    <em>
      {open} <span class="unseen">{open === 1 ? "alert" : "alerts"} to acknowledge now</span>
    </em>
  );
}

function RailFoot() {
  const ingest = useTopicNow("ingest").data.value;
  const rate = ingest?.rate.at(-1);
  const lag = ingest?.lag.at(-1);
  return (
    <div class="rail-foot">
      {moment.value === null && (
        <>
          <div>
            <span>Ingest</span>
            <b>{rate == null ? "–" : withUnit(count(rate), "ev/s")}</b>
          </div>
          <div>
            <span>Lag</span>
            <b>{lag == null ? "–" : withUnit(count(lag), "ms")}</b>
          </div>
        </>
      )}
      <button type="button" class="plain" onClick={() => (helpOpen.value = true)}>
        <kbd>?</kbd> shortcuts
      </button>
    </div>
  );
}
