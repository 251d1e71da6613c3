import { userLink } from "../behind";
import { count, figure } from "../format";
import type { View } from "../live/topic";
import { Empty } from "../panel/Empty";
import { Panel } from "../panel/Panel";
import { changed, percent, said, type Factor, type Mover, type Summary } from "./summary";

const titles: Record<string, string> = {
  new: "New customers",
  returning: "Came back",
  expansion: "Paid more",
  contraction: "Paid less",
  lost: "Did not pay again",
};

/** Revenue as a tree: what it was, and what each kind of customer made of it, down to the customers themselves. */
export function Drivers({ topic }: { topic: View<Summary> }) {
  return (
    <Panel
      title="Revenue, by what drives it"
      topic={topic}
      shape="rows"
      note="each opens into its customers"
      isEmpty={({ drivers }) => !drivers.revenue.now && !drivers.revenue.before}
      empty={
        <Empty title="No revenue in this period, nor before it">
          <span>It appears with the first payment. Or choose a longer period.</span>
        </Empty>
      }
    >
      {({ drivers, currency }) => (
        <div class="drivers" tabIndex={0} role="region" aria-label="Kinds of customers, and factors">
          <Sum title="Before" amount={said("revenue", drivers.revenue.before, currency)} />
          {drivers.revenue.children.map((mover) => (
            <Branch key={mover.kind} mover={mover} currency={currency} />
          ))}
          <Sum title="Now" amount={said("revenue", drivers.revenue.now, currency)} />
          <h3>The same change, as users × those who pay × what each pays</h3>
          {drivers.factors.children.map((factor) => (
            <FactorRow key={factor.kind} factor={factor} currency={currency} />
          ))}
        </div>
      )}
    </Panel>
  );
}

function Sum({ title, amount }: { title: string; amount: string }) {
  return (
    <div class="driver total">
      <b>{title}</b>
      <span class="amount">{amount}</span>
    </div>
  );
}

function Branch({ mover, currency }: { mover: Mover; currency: string }) {
  const { kind, label, amount, users, top } = mover;
  const line = (
    <>
      <span>
        {titles[kind] ?? kind} <small>{`${count(users)} ${users === 1 ? "user" : "users"}, ${label}`}</small>
      </span>
      <span class="amount">{changed(amount, currency)}</span>
    </>
  );
  if (top.length === 0) return <div class="driver">{line}</div>;
  return (
    <details class="driver-more">
      <summary class="driver">{line}</summary>
      <ul>
        {top.map(({ user, before, now }) => (
          <li key={user ?? ""}>
            {user === null ? <span>without a user</span> : <a href={userLink(user)}>{user}</a>}
            <span class="amount">{`${said("revenue", before, currency)} → ${said("revenue", now, currency)}`}</span>
          </li>
        ))}
      </ul>
    </details>
  );
}

function FactorRow({ factor, currency }: { factor: Factor; currency: string }) {
  const { kind, label, now, before, amount } = factor;
  const write = (value: number | null) => (value === null ? "–" : kind === "conversion" ? percent(value) : kind === "value" ? said("revenue", value, currency) : figure(value));
  return (
    <div class="driver">
      <span>
        {label} <small>{`${write(before)} → ${write(now)}`}</small>
      </span>
      <span class="amount">{amount === null ? "–" : changed(amount, currency)}</span>
    </div>
  );
}
