import { useEffect } from "preact/hooks";
import { live } from "../live";
import type { TopicData, TopicName } from "../live/data";
import type { View } from "../live/topic";
import { moment } from "../moment";
import { topicThen } from "./then";
import { useAnswer } from "./useAnswer";

/** Any topic by its name: followed while the component is mounted and `wanted`, or as it was at the moment of the page. */
export function useNamedTopic(name: string, wanted = true): View<unknown> {
  const past = moment.value !== null;
  useEffect(() => (wanted && !past ? live.follow(name) : undefined), [name, wanted, past]);
  const then = useAnswer<unknown>(`topic ${name}`, () => topicThen(name), 0, wanted && past);
  return past ? then : live.topic<unknown>(name);
}

/** The same for a topic that this page knows the data of. */
export const useTopic = <N extends TopicName>(name: N, wanted = true) => useNamedTopic(name, wanted) as View<TopicData[N]>;

/** A topic as it is now, whatever moment the page shows: for what calls for somebody, and for what is suggested. */
export function useTopicNow<N extends TopicName>(name: N): View<TopicData[N]> {
  useEffect(() => live.follow(name), [name]);
  return live.topic<TopicData[N]>(name);
}
