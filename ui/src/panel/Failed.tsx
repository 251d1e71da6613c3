import type { Problem } from "../live/topic";

export function Failed({ problem, retry }: { problem: Problem; retry: () => void }) {
  if (problem.title !== undefined) {
    return (
      <div class="message">
        <b>{problem.title}</b>
        <span>{problem.message}</span>
      </div>
    );
  }
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
