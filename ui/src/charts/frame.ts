/** One animation frame for the whole page: however often data come, a chart draws at most once a frame. */
const pending = new Set<() => void>();
let requested = false;

export function onNextFrame(draw: () => void) {
  pending.add(draw);
  if (requested) return;
  requested = true;
  requestAnimationFrame(() => {
    requested = false;
    const draws = [...pending];
    pending.clear();
    for (const each of draws) each();
  });
}
