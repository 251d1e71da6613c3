import { useEffect } from "preact/hooks";
import { lazily } from "../pages/Lazy";
import { paletteOpen } from "./open";

const Palette = lazily<object>("the search", () => import("./Palette").then(({ Palette }) => Palette));

/** Opens the palette on Ctrl-K, or Cmd-K, wherever the focus is. */
export function PaletteHost() {
  useEffect(() => {
    const opens = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
      event.preventDefault();
      paletteOpen.value = !paletteOpen.peek();
    };
    addEventListener("keydown", opens);
    return () => removeEventListener("keydown", opens);
  }, []);
  return paletteOpen.value ? <Palette /> : null;
}
