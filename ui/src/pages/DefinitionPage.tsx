import { definitionsTopic, type Definition } from "../definitions";
import { get } from "../ask/request";
import { useWarnings } from "../ask/warnings";
import { useAnswer } from "../ask/useAnswer";
import { count, secondOfDay, wholeDay } from "../format";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import { moment } from "../moment";
import { href } from "../router";
import { Icon } from "../shell/Icon";
import { fileOf, Owner } from "./Owner";
import { RemoveDefinition } from "./RemoveDefinition";
import type { Captured } from "./routes";

type Difference = { field: string; before: unknown; after: unknown };
type Version = Omit<Definition, "spec"> & { spec: Record<string, unknown> | null; differences: Difference[] };

/** Where what is defined can be seen at work, by kind. */
const shownAt: Record<string, (name: string) => { link: string; says: string }> = {
  dashboard: (name) => ({ link: href(["dashboards", name]), says: "Open the dashboard" }),
  metric: (name) => ({ link: href(["metrics", name]), says: "Its figures" }),
  anomaly: (name) => ({ link: href(["metrics", name.slice(0, name.lastIndexOf("."))]), says: "Its metric" }),
  rule: () => ({ link: href(["alerts"]), says: "Alerts" }),
};

const path = (kind: string, name: string) => `/v1/definitions/${encodeURIComponent(kind)}/${encodeURIComponent(name)}`;

/** One definition: what it says, who owns it, and what it said before. */
export function DefinitionPage({ captured }: { captured: Captured }) {
  const { kind = "", name = "" } = captured;
  const held = definitionsTopic.data.value?.[`${kind}/${name}`];
  const versions = useAnswer(`${kind}/${name} ${held?.version}`, () => get<{ versions: Version[] }>(`${path(kind, name)}/versions`));
  const warnings = useWarnings()[`${kind}/${name}`] ?? [];
  const until = moment.value?.how === "as_of" ? moment.value.at : Infinity;
  const known = versions.data.value?.versions.filter(({ at }) => at <= until);
  const shown = held && !name.startsWith("{") ? shownAt[kind]?.(name) : undefined;
  return (
    <>
      <a class="button back" href={href(["definitions"])}>
        <Icon name="back" /> All definitions
      </a>
      <div class="two">
        <Panel
          title={name}
          topic={definitionsTopic}
          shape="rows"
          note={kind}
          tools={
            <>
              {shown && (
                <a class="button small" href={shown.link}>
                  {shown.says}
                </a>
              )}
              {held && moment.value === null && fileOf(held.owner) === null && <RemoveDefinition kind={kind} name={name} path={path(kind, name)} />}
            </>
          }
          isEmpty={() => !held}
          empty={
            <Empty title={until < Infinity ? `The ${kind} ${name} was not defined then` : `There is no ${kind} ${name}`}>
              <span>It may have been removed: what it said is kept beside, if it ever was.</span>
            </Empty>
          }
        >
          {() => held && <Facts definition={held} warnings={warnings} />}
        </Panel>
        <Panel
          title="What it said over time"
          topic={versions}
          shape="rows"
          note={known && `${count(known.length)} in the log${until < Infinity ? " by then" : ""}`}
          isEmpty={() => known!.length === 0}
          empty={
            <Empty title={until < Infinity ? "It was not defined then" : "The log has no version of it"}>
              <span>{until < Infinity ? "It was defined later, or its versions were trimmed." : "It may have been trimmed."}</span>
            </Empty>
          }
        >
          {() => <Versions versions={known!} />}
        </Panel>
      </div>
    </>
  );
}

function Facts({ definition, warnings }: { definition: Definition; warnings: string[] }) {
  const { owner, version, by, at, spec } = definition;
  const file = fileOf(owner);
  return (
    <div class="facts" tabIndex={0} role="region" aria-label="What the definition says">
      {warnings.map((said) => (
        <p key={said} class="owned">
          <span class="severity medium" aria-hidden="true">
            ▲
          </span>
          <span>
            <b>This may be a mistake:</b> {said}
          </span>
        </p>
      ))}
      {file !== null && (
        <p class="owned">
          <Icon name="lock" />
          <span>
            <b>{file}</b> declares it. Change it there, then start again: a change over HTTP is refused.
          </span>
        </p>
      )}
      <dl>
        <div>
          <dt>Owner</dt>
          <dd>
            <Owner of={owner} />
          </dd>
        </div>
        <div>
          <dt>Changed</dt>
          <dd>
            {wholeDay(at)}, {secondOfDay(at)}
          </dd>
        </div>
        <div>
          <dt>By</dt>
          <dd>{by || "–"}</dd>
        </div>
        <div>
          <dt>Version</dt>
          <dd>{count(version)}, its place in the log</dd>
        </div>
      </dl>
      <h3>Spec</h3>
      <pre>{JSON.stringify(spec, null, 2)}</pre>
    </div>
  );
}

function Versions({ versions }: { versions: Version[] }) {
  return (
    <ol class="versions" tabIndex={0} aria-label="Versions, newest first">
      {[...versions].reverse().map((version, i, all) => (
        <li key={version.version}>
          <header>
            <b>{whatOf(version, all[i + 1])}</b>
            <time dateTime={new Date(version.at * 1_000).toISOString()}>
              {wholeDay(version.at)}, {secondOfDay(version.at)}
            </time>
            <span class="spring" />
            <small>version {count(version.version)}</small>
          </header>
          <p class="muted">
            by {version.by || "the configuration"}, {fileOf(version.owner) ?? "over HTTP"}
          </p>
          {version.differences.length > 0 && (
            <dl class="differences">
              {version.differences.map(({ field, before, after }) => (
                <div key={field}>
                  <dt>{field}</dt>
                  <dd>
                    {before != null && (
                      <del>
                        <span class="unseen">was </span>
                        {written(before)}
                      </del>
                    )}
                    {after != null && (
                      <ins>
                        <span class="unseen">is </span>
                        {written(after)}
                      </ins>
                    )}
                  </dd>
                </div>
              ))}
            </dl>
          )}
          {version.spec !== null && version.differences.length === 0 && all[i + 1]?.spec != null && (
            <p class="muted">It says the same as before.</p>
          )}
        </li>
      ))}
    </ol>
  );
}

function whatOf({ spec }: Version, before: Version | undefined): string {
  if (spec === null) return "Removed";
  if (!before) return "Defined";
  return before.spec === null ? "Defined again" : "Changed";
}

const written = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
