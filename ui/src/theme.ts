import { computed, effect, signal } from "@preact/signals";

export type Theme = "dark" | "light";

/** Where `public/theme.js` finds the choice on the next visit. */
const STORED_AS = "hindcast.theme";

export const theme = signal<Theme>(document.documentElement.dataset.theme === "light" ? "light" : "dark");

effect(() => {
  document.documentElement.dataset.theme = theme.value;
});

export function switchTheme() {
  theme.value = theme.peek() === "dark" ? "light" : "dark";
  try {
    localStorage.setItem(STORED_AS, theme.peek());
  } catch {
    // Storage is blocked: the choice lasts for this visit.
  }
}

const fontReady = signal(false);

// Canvas text does not wait for a font, so charts are drawn again when it has come.
void document.fonts.load("500 11px 'Inter Variable'").then(() => (fontReady.value = true));

/** Changes whenever anything painted on a canvas has to be painted anew. */
export const appearance = computed(() => `${theme.value} ${fontReady.value}`);

/** The current value of a colour token, such as "--c1". */
export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
