import { computed } from "@preact/signals";
import { address } from "../router";

/** The alert that the address names; null where it names none. */
export const linkedAlert = computed(() => {
  const [page, id] = address.value.path;
  return page === "alert" || page === "alerts" ? (id ?? null) : null;
});
