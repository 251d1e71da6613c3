import type { Problem } from "../live/topic";

export function Failed({ problem, retry }: { problem: Problem; retry: () => void }) {
  return (
    <div class="message" role="alert">
      <b>Could not load</b>
      <span>
        {problem.message} · ref {problem.ref}
      </span>
      <button type="button" class="button" onClick={retry}>
        Retry
      </button>
    </div>
  );
}
