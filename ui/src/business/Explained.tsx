/** A figure that says what it means when it is clicked. */
export function Explained({ title, text, open }: { title: string; text: string; open: () => void }) {
  return (
    <button type="button" class="plain why" title={`What ${title.toLowerCase()} means, and what it is made of`} onClick={open}>
      {text}
    </button>
  );
}
