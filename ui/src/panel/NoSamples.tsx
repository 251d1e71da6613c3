import { definitionsTopic, metricNamed } from "../definitions";
import { goTo, moment } from "../moment";
import { Empty } from "./Empty";

/** Whether a metric had not been defined yet at the moment of the page, where that shows what was known. */
export function notDefinedThen(metric: string): boolean {
  return moment.value?.how === "as_of" && definitionsTopic.data.value !== null && metricNamed(metric) === null;
}

/** A metric without a sample in the range; where it was not defined then, that is said, and how to see its past. */
export function NoSamples({ metric }: { metric: string }) {
  const then = moment.value;
  if (then && notDefinedThen(metric)) {
    return (
      <Empty title={`${metric} was not defined then`}>
        <span>With hindsight it is computed from its past.</span>
        <button type="button" class="button" onClick={() => goTo(then.at, "valid_at")}>
          As it is known now
        </button>
      </Empty>
    );
  }
  return (
    <Empty title="No samples in this range">
      <span>A window is sampled when it closes, a minute or so after its end. Choose a longer range in the top bar.</span>
    </Empty>
  );
}
