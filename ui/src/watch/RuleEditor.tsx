import { useEffect, useState } from "preact/hooks";
import { definitionsTopic } from "../definitions";
import { notify } from "../notices";
import { go, href } from "../router";
import { Days } from "./Days";
import { drop, labelsOf, labelsText, NEW_RULE, save, SEVERITIES, tune, type RuleSpec } from "./rule";
import { RulePreview } from "./RulePreview";
import { Tabs } from "./Tabs";

/** Makes a rule or changes one; beside it, what it would have done. */
export function RuleEditor({ captured }: { captured: { name?: string } }) {
  const held = captured.name === undefined ? undefined : definitionsTopic.data.value?.[`rule/${captured.name}`];
  const [rule, setRule] = useState<RuleSpec>(NEW_RULE);
  const [labels, setLabels] = useState("");
  const [complaint, setComplaint] = useState("");
  const [busy, setBusy] = useState(false);
  const ofFile = held?.owner.startsWith("file:") ?? false;
  const change = (said: Partial<RuleSpec>) => setRule({ ...rule, ...said });
  useEffect(() => {
    if (!held) return;
    const spec = { ...NEW_RULE, ...(held.spec as Partial<RuleSpec>) };
    setRule(spec);
    setLabels(labelsText(spec.labels));
  }, [held?.version]);
  const number = (text: string) => (text.trim() === "" ? null : Number(text));
  const all = Object.values(definitionsTopic.data.value ?? {});
  const channels = [...new Set(["dashboard", ...all.filter(({ kind }) => kind === "channel").map(({ name }) => name), ...rule.channels])];

  async function attempt(work: () => Promise<void>) {
    setBusy(true);
    setComplaint("");
    try {
      await work();
    } catch (error) {
      setComplaint(error instanceof Error ? error.message : String(error));
    }
    setBusy(false);
  }

  const submit = (event: Event) => {
    event.preventDefault();
    void attempt(async () => {
      await save({ ...rule, name: rule.name.trim(), labels: labelsOf(labels) });
      notify(`${rule.name.trim()} holds from now on.`);
      go(href(["rules"]));
    });
  };

  return (
    <>
      <Tabs />
      <div class="two rule-editor">
        <form class="panel" aria-label={held ? `The rule ${captured.name}` : "A new rule"} onSubmit={submit}>
          <header>
            <h2>{captured.name ?? "A new rule"}</h2>
            {ofFile && <span class="note">declared in {held!.owner.slice(5)}; change it there</span>}
          </header>
          <div class="panel-body rule-fields">
            {!captured.name && (
              <label class="field wide">
                <span>Name</span>
                <input required maxLength={200} autocomplete="off" value={rule.name} onInput={(event) => change({ name: event.currentTarget.value })} />
              </label>
            )}
            <label class="field wide">
              <span>Condition</span>
              <textarea required rows={2} spellcheck={false} aria-describedby="condition-help" value={rule.condition} onInput={(event) => change({ condition: event.currentTarget.value })} />
            </label>
            <p id="condition-help" class="quiet wide">
              <code>errors.count / requests.count &gt; threshold</code>, <code>orders.count[1h] vs 1w &lt; -0.3</code>, joined by <code>and</code>, <code>or</code>
            </p>
            <label class="field">
              <span>Threshold</span>
              <input required type="number" step="any" value={rule.threshold} onInput={(event) => change({ threshold: event.currentTarget.valueAsNumber || 0 })} />
            </label>
            <label class="field">
              <span>Clear at</span>
              <input type="number" step="any" placeholder="the same" value={rule.clear_threshold ?? ""} onInput={(event) => change({ clear_threshold: number(event.currentTarget.value) })} />
            </label>
            <label class="field">
              <span>Held for, seconds</span>
              <input type="number" min={0} value={rule.for_s} onInput={(event) => change({ for_s: event.currentTarget.valueAsNumber || 0 })} />
            </label>
            <label class="field">
              <span>Goes on for, seconds</span>
              <input type="number" min={0} value={rule.keep_firing_for_s} onInput={(event) => change({ keep_firing_for_s: event.currentTarget.valueAsNumber || 0 })} />
            </label>
            <label class="field">
              <span>Severity</span>
              <select value={rule.severity} onChange={(event) => change({ severity: event.currentTarget.value })}>
                {SEVERITIES.map((severity) => (
                  <option key={severity}>{severity}</option>
                ))}
              </select>
            </label>
            <label class="field">
              <span>Without data</span>
              <select value={rule.no_data} onChange={(event) => change({ no_data: event.currentTarget.value })}>
                <option value="resolve">it ends</option>
                <option value="keep">it stays as it is</option>
                <option value="fire">it fires</option>
              </select>
            </label>
            <fieldset class="wide">
              <legend>Tell</legend>
              {channels.map((channel) => (
                <label key={channel}>
                  <input
                    type="checkbox"
                    checked={rule.channels.includes(channel)}
                    onChange={({ currentTarget }) =>
                      change({ channels: currentTarget.checked ? [...rule.channels, channel] : rule.channels.filter((one) => one !== channel) })
                    }
                  />
                  {channel}
                </label>
              ))}
            </fieldset>
            <label class="field wide">
              <span>Labels</span>
              <input placeholder="team=shop, dc=zrh" spellcheck={false} autocomplete="off" value={labels} onInput={(event) => setLabels(event.currentTarget.value)} />
            </label>
            <label class="field wide">
              <span>A hint for whoever reads it</span>
              <input
                placeholder="{{ value | round(1) }} on {{ key }}: look at the payment provider"
                value={rule.annotations.hint ?? ""}
                onInput={({ currentTarget }) => {
                  const { hint: _, ...others } = rule.annotations;
                  change({ annotations: currentTarget.value ? { ...others, hint: currentTarget.value } : others });
                }}
              />
            </label>
            <label class="field wide">
              <span>Runbook</span>
              <input type="url" placeholder="https://…" value={rule.runbook} onInput={(event) => change({ runbook: event.currentTarget.value })} />
            </label>
            <Days active={rule.active} change={(active) => change({ active })} />
            <Budget rule={rule} attempt={attempt} propose={(threshold) => change({ threshold, clear_threshold: null })} />
            <p class="complaint wide" role="alert">
              {complaint}
            </p>
            <div class="choices wide">
              {held && !ofFile && (
                <button type="button" class="button danger" disabled={busy} onClick={() => attempt(async () => (await drop(captured.name!), notify(`${captured.name} is deleted.`), go(href(["rules"]))))}>
                  Delete
                </button>
              )}
              <a class="button" href={href(["rules"])}>
                Cancel
              </a>
              <button type="submit" class="button primary" disabled={busy || ofFile}>
                {busy ? "Saving…" : "Save"}
              </button>
            </div>
          </div>
        </form>
        <RulePreview rule={rule} ready={rule.condition.trim() !== "" && (captured.name === undefined || held !== undefined)} />
      </div>
    </>
  );
}

/** "at most 2 pages a week" proposes a threshold. */
function Budget({ rule, attempt, propose }: { rule: RuleSpec; attempt: (work: () => Promise<void>) => Promise<void>; propose: (threshold: number) => void }) {
  const [pages, setPages] = useState(2);
  const [said, setSaid] = useState("");
  const ask = () =>
    attempt(async () => {
      setSaid("Looking at the past…");
      const found = await tune(rule, pages).catch((error: unknown) => {
        setSaid("");
        throw error;
      });
      if (found.threshold === null) return setSaid("No threshold keeps it within that.");
      propose(found.threshold);
      setSaid(`Threshold ${found.threshold}: ${found.pages} pages in all of history.`);
    });
  return (
    <div class="budget wide">
      <label>
        At most <input type="number" min={0} step="any" aria-label="Pages a week" value={pages} onInput={(event) => setPages(event.currentTarget.valueAsNumber || 0)} /> pages a week
      </label>
      <button type="button" class="button small" onClick={ask}>
        Propose a threshold
      </button>
      <span class="quiet" role="status">
        {said}
      </span>
    </div>
  );
}
