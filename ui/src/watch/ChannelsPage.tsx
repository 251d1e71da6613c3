import { useState } from "preact/hooks";
import { post } from "../ask/request";
import { definitionsTopic, type Definition } from "../definitions";
import { DataTable } from "../panel/DataTable";
import { Panel } from "../panel/Panel";
import { href } from "../router";
import { Tabs } from "./Tabs";

type Tried = { outcome: "sent" | "failed" | "waiting"; error: string };
type Channel = { name: string; spec: Record<string, unknown> };

const HIDDEN = ["name", "kind"];

/** How people are told: what there is, and whether it works. */
export function ChannelsPage() {
  const defined = Object.values(definitionsTopic.data.value ?? {}).filter(({ kind }) => kind === "channel") as Definition[];
  const channels: Channel[] = [{ name: "dashboard", spec: { kind: "dashboard" } }, ...defined.sort((a, b) => a.name.localeCompare(b.name))];
  return (
    <>
      <Tabs />
      <Panel title="Channels" topic={definitionsTopic} shape="rows" note="how people are told" isEmpty={() => false} empty={null}>
        {() => (
          <DataTable
            label="Channels by name"
            rows={channels}
            rowKey={({ name }) => name}
            columns={[
              {
                title: "Name",
                cell: ({ name }) => (name === "dashboard" ? <b>{name}</b> : <a href={href(["definitions", "channel", name])}>{name}</a>),
              },
              { title: "Kind", cell: ({ spec }) => String(spec.kind) },
              { title: "Where", wide: true, roomy: true, cell: ({ spec }) => where(spec) },
              { title: "Try it out", cell: ({ name }) => <Try name={name} /> },
            ]}
          />
        )}
      </Panel>
    </>
  );
}

const where = (spec: Record<string, unknown>) =>
  Object.entries(spec)
    .filter(([field, value]) => !HIDDEN.includes(field) && typeof value === "string" && value)
    .map(([field, value]) => `${field}: ${String(value)}`)
    .join(", ") || "this page";

/** Sends a message that tries the channel out. */
function Try({ name }: { name: string }) {
  const [said, setSaid] = useState("");
  const [failed, setFailed] = useState(false);
  async function send() {
    setSaid("sending…");
    setFailed(false);
    try {
      const { outcome, error } = await post<Tried>(`/v1/channels/${encodeURIComponent(name)}/test`, {});
      setFailed(outcome === "failed");
      setSaid(outcome === "sent" ? "sent" : outcome === "failed" ? error : "nothing came of it yet; see Events");
    } catch (error) {
      setFailed(true);
      setSaid(error instanceof Error ? error.message : String(error));
    }
  }
  return (
    <span class="channel-test">
      <button type="button" class="button small" disabled={said === "sending…"} onClick={send}>
        Send test <span class="unseen">to {name}</span>
      </button>
      <span class={failed ? "complaint" : "quiet"} role="status">
        {said}
      </span>
    </span>
  );
}
