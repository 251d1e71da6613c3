import { useEffect } from "preact/hooks";
import { useOpenAlerts } from "../alerts/useOpenAlerts";
import { currentRoute } from "../routes";

/** Keeps the tab's title: a glance at it tells of open alerts. */
export function PageTitle() {
  const open = useOpenAlerts();
  const title = `${open > 0 ? `(${open}) ` : ""}${currentRoute.value?.title ?? "No such page"} · Hindcast`;
  useEffect(() => {
    document.title = title;
  }, [title]);
  return null;
}
