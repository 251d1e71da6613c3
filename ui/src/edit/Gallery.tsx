import { useEffect, useRef } from "preact/hooks";
import { TYPES, VIEWS } from "./types";

/** Every type of widget, to choose one that is added. */
export function Gallery({ choose, close }: { choose: (type: string) => void; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="help gallery" aria-labelledby="gallery-title" onClose={close}>
      <h2 id="gallery-title">Add a widget</h2>
      <ul>
        {TYPES.map(({ type, name, about }) => (
          <li key={type}>
            <button type="button" class="plain" onClick={() => choose(type)}>
              <Picture type={type} />
              <span>
                <b>{name}</b>
                <small>{about}</small>
              </span>
            </button>
          </li>
        ))}
      </ul>
      <h3>Views that come with the system</h3>
      <p class="choices-of">
        {VIEWS.map(({ type, name }) => (
          <button key={type} type="button" class="button small" onClick={() => choose(type)}>
            {name}
          </button>
        ))}
      </p>
      <form method="dialog">
        <button class="button">Cancel</button>
      </form>
    </dialog>
  );
}

const PICTURES: Record<string, string> = {
  number: "M6 22h16M6 10h9M6 15h14",
  gauge: "M4 22a12 12 0 0 1 24 0M16 22l6-7",
  line: "M4 22l7-8 6 4 11-12",
  stacked: "M4 24V18l8-5 8 3 8-7v15zM4 18l8-1 8 2 8-5",
  bar: "M5 8h20M5 15h14M5 22h8",
  table: "M4 7h24v18H4zM4 13h24M4 19h24M13 7v18",
  list: "M5 9h13M5 12h8M25 9h2M5 19h13M5 22h8M25 19h2",
  funnel: "M4 8h24M7 15h18M11 22h10",
  retention: "M4 7h5M4 14h5M4 21h5M11 7h5M11 14h5M18 7h5M11 21h1",
  heatmap: "M5 8h4v4H5zM13 8h4v4h-4zM21 8h4v4h-4zM5 18h4v4H5zM13 18h4v4h-4z",
  text: "M5 8h22M5 14h22M5 20h14",
};

function Picture({ type }: { type: string }) {
  return (
    <svg class="icon" viewBox="0 0 32 32" aria-hidden="true">
      <path d={PICTURES[type] ?? PICTURES.text!} />
    </svg>
  );
}
