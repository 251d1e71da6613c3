import { asked } from "../moment";
import { get } from "../ask/request";

export type TableInfo = { name: string; about: string; rows: number; columns: string[] };

/** Of each window of `metrics` the newest figure: the server has it beside the streams. */
const LATEST = "metrics_latest";

/** What SQL can read, by name. Throws `AskError`. */
export async function tables(): Promise<TableInfo[]> {
  const { as_of } = asked();
  const { streams } = await get<{ streams: TableInfo[] }>("/v1/streams", as_of ? { as_of } : {});
  const metrics = streams.find(({ name }) => name === "metrics");
  const latest = metrics && { ...metrics, name: LATEST, about: "each window of each metric, as it was counted last" };
  return [...streams, ...(latest ? [latest] : [])].sort((a, b) => a.name.localeCompare(b.name));
}
