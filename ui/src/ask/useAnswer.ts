import { batch, signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { live } from "../live";
import type { Problem, View } from "../live/topic";
import { moment } from "../moment";
import { AskError } from "./request";

/** Between two questions lies at least so many times what the last answer took: a page must not keep its server busy. */
const REST = 20;

/** What was asked of the server, as a panel shows it. */
export class Answer<T> implements View<T> {
  readonly data = signal<T | null>(null);
  readonly receivedAt = signal(0);
  readonly problem = signal<Problem | null>(null);
  readonly stale = signal("");
  readonly #load: () => Promise<T>;
  #timer = 0;
  #ended = false;
  #asking = false;

  constructor(
    readonly name: string,
    load: () => Promise<T>,
    private readonly everyMs: number,
  ) {
    this.#load = load;
  }

  /** Asks now, and then again and again until `end`. A hidden tab and a paused page do not ask. */
  readonly ask = async () => {
    clearTimeout(this.#timer);
    if (this.#asking || this.#ended) return;
    const began = performance.now();
    const resting = this.data.peek() !== null && (document.hidden || live.state.peek() === "paused");
    if (!resting) {
      this.#asking = true;
      await this.#once();
      this.#asking = false;
    }
    if (this.#ended || this.everyMs === 0) return;
    const took = resting ? 0 : performance.now() - began;
    this.#timer = window.setTimeout(this.ask, Math.max(this.everyMs, REST * took));
  };

  readonly retry = () => {
    this.problem.value = null;
    void this.ask();
  };

  end() {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  async #once() {
    try {
      const found = await this.#load();
      if (this.#ended) return;
      batch(() => {
        this.data.value = found;
        this.problem.value = null;
        this.stale.value = "";
        this.receivedAt.value = Date.now();
      });
    } catch (error) {
      if (this.#ended) return;
      const failed = error instanceof AskError ? error : new AskError(String(error), this.name);
      // Figures that are there stay, and are said to be old.
      if (this.data.peek() !== null) this.stale.value = failed.message;
      else this.problem.value = { message: failed.message, ref: failed.ref, title: failed.title };
    }
  }
}

/**
 * An answer that is asked for while the component is mounted and `wanted`, anew whenever `key` or the moment of the page changes,
 * and every `everyMs` (0: once). At a moment of the past it stays as it is, and is asked for once.
 */
export function useAnswer<T>(key: string, load: () => Promise<T>, everyMs = 0, wanted = true): Answer<T> {
  const then = moment.value?.key;
  const answer = useMemo(() => new Answer(key, load, then === undefined ? everyMs : 0), [key, wanted, then]);
  useEffect(() => {
    if (wanted) void answer.ask();
    return () => answer.end();
  }, [answer]);
  return answer;
}
