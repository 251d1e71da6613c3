import { useRef, useState } from "preact/hooks";
import { Icon } from "../shell/Icon";

const command = () =>
  [
    `curl -u "$HINDCAST_KEY:" ${location.origin}/v1/track \\`,
    `  -H 'Content-Type: application/json' \\`,
    `  -d '{"userId": "ada", "event": "Course Opened"}'`,
  ].join("\n");

/** A command that sends an event, to copy into a terminal. */
export function SendOneEvent() {
  const code = useRef<HTMLElement>(null);
  const [copied, setCopied] = useState(false);

  async function copy() {
    getSelection()?.selectAllChildren(code.current!);
    // Only secure origins have a clipboard; elsewhere the selection is ready for Ctrl-C.
    if (!navigator.clipboard) return;
    await navigator.clipboard.writeText(command());
    setCopied(true);
    setTimeout(() => setCopied(false), 2_000);
  }

  return (
    <div class="command">
      <pre tabIndex={0} aria-label="Command that sends one event">
        <code ref={code}>{command()}</code>
      </pre>
      <button type="button" class="button small" onClick={copy}>
        <Icon name="copy" />
        {copied ? "Copied" : "Copy"}
      </button>
    </div>
  );
}
