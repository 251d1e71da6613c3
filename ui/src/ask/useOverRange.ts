import type { TopicData, TopicName } from "../live/data";
import type { View } from "../live/topic";
import { followsLive, range, versus, type Range, type Versus } from "../range";
import { shared } from "../shared/mode";
import { useAnswer } from "./useAnswer";
import { useTopic } from "./useTopic";

/** How often a question over the log is asked while its range ends now. */
const REFRESH_MS = 30_000;

/**
 * A view of the range of the top bar: the live topic where that is what the topic covers (`covers`), or the page is a link, else the answer to
 * `ask`, in the topic's own shape. Only the one that is shown is followed or asked.
 */
export function useOverRange<N extends TopicName>(
  name: N,
  ask: (range: Range, versus: Versus) => Promise<TopicData[N]>,
  covers = followsLive.value,
): View<TopicData[N]> {
  const live = shared || covers; // whoever opened a link may ask nothing of the log
  const [chosen, compared] = [range.value, versus.value];
  const topic = useTopic(name, live);
  const answer = useAnswer(
    `${name} ${chosen.key} ${compared}`,
    () => ask(chosen, compared),
    chosen.span ? REFRESH_MS : 0,
    !live,
  );
  return live ? topic : answer;
}
