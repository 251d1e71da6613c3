import { Icon } from "../shell/Icon";

const FILE = "file:";

/** The file that a definition is declared in; null where it came over HTTP. */
export const fileOf = (owner: string): string | null => (owner.startsWith(FILE) ? owner.slice(FILE.length) : null);

/** Who owns a definition: a file, with a lock, for only there it can be changed; or the API. */
export function Owner({ of }: { of: string }) {
  const file = fileOf(of);
  if (file === null) return <span class="chip calm">API</span>;
  return (
    <span class="owner" title={`Declared in ${file}: it is changed there`}>
      <Icon name="lock" />
      <span>{file}</span>
    </span>
  );
}
