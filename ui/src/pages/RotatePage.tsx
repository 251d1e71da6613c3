import { dashboards } from "../definitions";
import { Empty } from "../panel/Empty";
import { Skeleton } from "../panel/Skeleton";
import { address } from "../router";
import { Rotation } from "../sharing/Rotation";

const EVERY_S = 30;

/** Dashboards in turn, as on a screen on a wall: those that the address names, or all. */
export function RotatePage() {
  const { params } = address.value;
  const wanted = params.get("boards")?.split(",").filter(Boolean);
  const every = Math.min(3_600, Math.max(5, Number(params.get("every")) || EVERY_S));
  const found = dashboards.value;
  if (found === null) {
    return (
      <section class="panel nowhere" aria-label="Dashboards in turn" aria-busy="true">
        <Skeleton shape="rows" title="the dashboards" />
      </section>
    );
  }
  const boards = (wanted ? wanted.flatMap((name) => found.filter((each) => each.name === name)) : found).map(({ name, spec }) => ({ ...spec, id: name }));
  if (boards.length === 0) {
    return (
      <section class="panel nowhere" aria-label="Dashboards in turn">
        <Empty title="None of these dashboards is there">
          <span>They may have been removed, or have other names now.</span>
        </Empty>
      </section>
    );
  }
  return <Rotation boards={boards} every={every} />;
}
