import { computed } from "@preact/signals";
import { put } from "../ask/request";
import { definitionsTopic } from "../definitions";

/** A condition on what a user did: so many of an event, or none; within a length of time, or ever. */
export type Criterion = { event: string; did: boolean; at_least: number; within: string };

/** The names of the cohorts that are defined, in their order. */
export const cohorts = computed<string[]>(() =>
  Object.values(definitionsTopic.data.value ?? {})
    .filter(({ kind }) => kind === "cohort")
    .map(({ name }) => name)
    .sort((a, b) => a.localeCompare(b)),
);

/** Defines a cohort, or defines it anew. Throws `AskError`. */
export const define = (name: string, match: "all" | "any", criteria: Criterion[]) =>
  put(`/v1/definitions/cohort/${encodeURIComponent(name)}`, {
    match,
    criteria: criteria.map(({ event, did, at_least, within }) => ({ event, did, at_least, ...(within ? { within } : {}) })),
  });
