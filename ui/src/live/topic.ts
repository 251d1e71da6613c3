import { batch, signal, type ReadonlySignal } from "@preact/signals";
import type { Delta, Epoch, Policy, Snapshot } from "./frames";
import { merge } from "./merge";

/**
 * Why a topic has no data, for people. `ref` is what to quote to whoever runs the server; with a `title` nothing went wrong, there
 * is only nothing to be had.
 */
export type Problem = { message: string; ref: string; title?: string };

/** Figures that a panel can show, wherever they come from: a topic that is followed, or a question that was asked. */
export type View<T> = {
  readonly name: string;
  readonly data: ReadonlySignal<T | null>;
  readonly receivedAt: ReadonlySignal<number>;
  readonly problem: ReadonlySignal<Problem | null>;
  readonly stale: ReadonlySignal<string>;
  /** Asks anew after a problem. */
  retry(): void;
};

/** One view of the server's, as far as this client has followed it. */
export class Topic<T> implements View<T> {
  readonly data = signal<T | null>(null);
  /** When the last frame came, in ms since 1970. */
  readonly receivedAt = signal(0);
  readonly problem = signal<Problem | null>(null);
  /** Why the server says that this is not what its log has now; empty while it is. */
  readonly stale = signal("");

  /** The subscription's id on the wire; a new one for every `sub`, so that frames of an old one fall away. */
  id = 0;
  /** When the last `sub` was sent without an answer so far, in ms since 1970; 0 when answered. */
  askedAt = 0;
  /** Mounted components that read the topic. */
  readers = 0;

  #position: { after: number; epoch: Epoch } | null = null;
  #policy: Policy = "latest";
  #cap = 0;

  constructor(
    readonly name: string,
    readonly retry: () => void = () => {},
  ) {}

  /** How far the client has read; null when only a snapshot will do. */
  get position() {
    return this.#position;
  }

  /** How the server says that this topic's data are: fields, rows by key, or columns. */
  get policy() {
    return this.#policy;
  }

  /** Makes the next `sub` ask for a snapshot. */
  forget() {
    this.#position = null;
  }

  /** Drops the data too, where they themselves are the trouble. */
  discard() {
    this.forget();
    this.data.value = null;
  }

  replace(snapshot: Snapshot) {
    this.#policy = snapshot.policy;
    this.#cap = snapshot.cap ?? 0;
    this.stale.value = snapshot.stale ?? "";
    this.#accept(snapshot.seq, snapshot.epoch, snapshot.data);
  }

  /** Applies a delta that continues what the client holds; false when there is a gap between. */
  extend(delta: Delta): boolean {
    const position = this.#position;
    if (!position || delta.prev !== position.after) return false;
    if (delta.stale !== undefined) this.stale.value = delta.stale;
    this.#accept(delta.seq, position.epoch, merge(this.#policy, this.#cap, this.data.peek(), delta.data));
    return true;
  }

  #accept(seq: number, epoch: Epoch, data: unknown) {
    this.#position = { after: seq, epoch };
    this.askedAt = 0;
    batch(() => {
      this.data.value = data as T;
      this.problem.value = null;
      this.receivedAt.value = Date.now();
    });
  }
}
