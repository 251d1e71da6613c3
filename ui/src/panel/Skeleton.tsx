export type SkeletonShape = "line" | "rows" | "grid" | "quarters";

const blocks: Record<SkeletonShape, number> = { line: 5, rows: 6, grid: 7, quarters: 4 };

/** The outline of what is to come, so that the page does not jump when it does. */
export function Skeleton({ shape, title }: { shape: SkeletonShape; title: string }) {
  return (
    <div class={`skeleton ${shape}`} role="status">
      <span class="unseen">Loading {title}</span>
      {Array.from({ length: blocks[shape] }, (_, i) => (
        <i key={i} />
      ))}
    </div>
  );
}
