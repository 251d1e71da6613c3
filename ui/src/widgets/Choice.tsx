type Props<T> = {
  label: string;
  choices: readonly T[];
  chosen: T;
  text: (choice: T) => string;
  choose: (choice: T) => void;
};

/** A few alternatives side by side, one of them on. */
export function Choice<T extends string | number>({ label, choices, chosen, text, choose }: Props<T>) {
  return (
    <div class="choice" role="group" aria-label={label}>
      {choices.map((choice) => (
        <button type="button" key={choice} aria-pressed={choice === chosen} onClick={() => choose(choice)}>
          {text(choice)}
        </button>
      ))}
    </div>
  );
}
