import { useEffect } from "preact/hooks";
import { useOpenAlerts } from "../alerts/useOpenAlerts";
import { dayAndMinute } from "../format";
import { moment } from "../moment";
import { current } from "../pages/routes";

/** What the page that is shown is called. */
export function titleHere(): string {
  const here = current.value;
  return here ? here.route.title(here.captured) : "No such page";
}

/** Keeps the tab's title: a glance at it tells of open alerts, and of the past. */
export function PageTitle() {
  const open = useOpenAlerts();
  const then = moment.value;
  const title = `${open > 0 ? `(${open}) ` : ""}${then ? `${dayAndMinute(then.at)}: ` : ""}${titleHere()} · Hindcast`;
  useEffect(() => {
    document.title = title;
  }, [title]);
  return null;
}
