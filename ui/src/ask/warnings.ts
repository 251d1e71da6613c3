import { definitionsTopic, type Definition } from "../definitions";
import { moment } from "../moment";
import { get } from "./request";
import { useAnswer } from "./useAnswer";

type Warned = Definition & { warnings: string[] | null };

/** What may be a mistake in the definitions that hold now, by `kind/name`; nothing is said of those of the past. */
export function useWarnings(): Record<string, string[]> {
  const versions = Object.values(definitionsTopic.data.value ?? {}).map(({ version }) => version);
  const key = `warnings ${versions.length} ${versions.reduce((a, b) => Math.max(a, b), 0)}`;
  const load = () => get<{ definitions: Warned[] }>("/v1/definitions", { warnings: "true" });
  const answer = useAnswer(key, load, 0, versions.length > 0 && moment.value === null);
  const found = answer.data.value?.definitions ?? [];
  return Object.fromEntries(found.filter(({ warnings }) => warnings?.length).map(({ kind, name, warnings }) => [`${kind}/${name}`, warnings!]));
}
