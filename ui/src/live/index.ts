import { useEffect } from "preact/hooks";
import { LiveConnection } from "./connection";
import type { TopicData, TopicName } from "./data";
import type { Topic } from "./topic";

const scheme = location.protocol === "https:" ? "wss:" : "ws:";

/** The page's one link to the server. */
export const live = new LiveConnection(`${scheme}//${location.host}/live`);

/** The topic, subscribed while the component is mounted. */
export function useTopic<N extends TopicName>(name: N): Topic<TopicData[N]> {
  useEffect(() => live.follow(name), [name]);
  return live.topic<TopicData[N]>(name);
}
