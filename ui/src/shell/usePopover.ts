import { useEffect, useRef, useState } from "preact/hooks";

/** A box below its button: the first choice in it takes the focus, a click beside it or Escape closes it. */
export function usePopover() {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);

  useEffect(() => {
    if (!open) return;
    box.current?.querySelector<HTMLElement>('[aria-pressed="true"], input, button')?.focus();
    const outside = (event: PointerEvent) => {
      if (event.target instanceof Node && !box.current?.parentElement?.contains(event.target)) setOpen(false);
    };
    addEventListener("pointerdown", outside);
    return () => removeEventListener("pointerdown", outside);
  }, [open]);

  function close() {
    setOpen(false);
    button.current?.focus();
  }

  const onKeyDown = (event: KeyboardEvent) => event.key === "Escape" && open && close();
  return { open, setOpen, close, box, button, onKeyDown };
}
