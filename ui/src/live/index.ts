import { useEffect } from "preact/hooks";
import { LiveConnection } from "./connection";
import type { TopicData, TopicName } from "./data";
import type { Topic } from "./topic";

const scheme = location.protocol === "https:" ? "wss:" : "ws:";

/** The page's one link to the server. */
export const live = new LiveConnection(`${scheme}//${location.host}/live`);

/** Any topic by its name, subscribed while the component is mounted: for widgets whose topic a dashboard names. */
export function useNamedTopic(name: string): Topic<unknown> {
  useEffect(() => live.follow(name), [name]);
  return live.topic<unknown>(name);
}

/** The topic, subscribed while the component is mounted and `wanted`. */
export function useTopic<N extends TopicName>(name: N, wanted = true): Topic<TopicData[N]> {
  useEffect(() => (wanted ? live.follow(name) : undefined), [name, wanted]);
  return live.topic<TopicData[N]>(name);
}
