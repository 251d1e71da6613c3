/** Colour steps of the heat map; step 0 is "nothing". */
export const STEPS = 7;

/** The value the darkest step starts at: the 98th percentile, so that one burst does not bleach the rest. */
export function clampAt(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return Math.max(1, sorted[Math.floor(sorted.length * 0.98)] ?? 1);
}

export function stepOf(value: number, clamp: number): number {
  return Math.min(STEPS, Math.max(0, Math.ceil((value / clamp) * STEPS)));
}
