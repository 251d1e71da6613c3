import { signal } from "@preact/signals";
import { decode, UNAUTHENTICATED, type ClientFrame, type Delta, type Failure, type ServerFrame } from "./frames";
import { Topic } from "./topic";

export type LinkState = "connecting" | "live" | "paused" | "offline" | "signed-out";

const FIRST_RETRY_MS = 300;
const LONGEST_RETRY_MS = 15_000;
const PING_EVERY_MS = 2_000;
/** A subscription without an answer for this long is shown as a problem. */
const ANSWER_WITHIN_MS = 10_000;
/** Frames a second wanted of the server; a hidden tab asks for fewer and the server merges the rest. */
const RATE_VISIBLE_HZ = 10;
const RATE_HIDDEN_HZ = 0.5;

/**
 * One socket, many topics: snapshots and deltas, resume after a drop, credit acknowledgements, and a watchdog that
 * takes a silent socket for a dead one.
 */
export class LiveConnection {
  readonly state = signal<LinkState>("connecting");
  /** Milliseconds of the last ping; null while unknown. */
  readonly roundTrip = signal<number | null>(null);
  /** When the server was last heard, in ms since 1970, once the link is no longer live. */
  readonly lostAt = signal<number | null>(null);
  /** Errors that concern no single topic. */
  onFailure: (failure: Failure) => void = () => {};

  readonly #address: string;
  readonly #topics = new Map<string, Topic<unknown>>();
  readonly #byId = new Map<number, Topic<unknown>>();
  #socket: WebSocket | null = null;
  #retryTimer = 0;
  #tries = 0;
  #nextId = 1;
  #ackEvery = 4;
  #acknowledged = 0;
  #heartbeatMs = 15_000;
  #heardAt = 0;
  #pingedAt = 0;

  constructor(address: string) {
    this.#address = address;
    setInterval(() => this.#watch(), 1_000);
    addEventListener("online", () => this.state.peek() === "offline" && this.connect());
    document.addEventListener("visibilitychange", () => this.#sendRate());
  }

  /** The topic of that name, subscribed or not. */
  topic<T>(name: string): Topic<T> {
    let topic = this.#topics.get(name);
    if (!topic) {
      topic = new Topic<unknown>(name, () => this.retry(name));
      this.#topics.set(name, topic);
    }
    return topic as Topic<T>;
  }

  /** Keeps a topic subscribed until the returned function is called. */
  follow(name: string): () => void {
    const topic = this.topic(name);
    if (topic.readers++ === 0) this.#subscribe(topic);
    return () => {
      if (--topic.readers === 0) this.#unsubscribe(topic);
    };
  }

  /** Asks for a topic afresh after an error. */
  retry(name: string) {
    const topic = this.topic(name);
    topic.problem.value = null;
    topic.forget();
    if (this.state.peek() === "live") this.#subscribe(topic);
    else this.connect();
  }

  connect() {
    clearTimeout(this.#retryTimer);
    this.#socket?.close();
    if (this.state.peek() !== "offline") this.state.value = "connecting";
    const socket = new WebSocket(this.#address);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#heardAt = Date.now();
    socket.onmessage = (event) => this.#socket === socket && this.#receive(decode(event.data));
    socket.onclose = (event) => this.#socket === socket && this.#closed(event.code);
  }

  pause() {
    this.#hangUp("paused");
  }

  resume() {
    this.connect();
  }

  /** Ends the link after a request was refused for want of a session. */
  signedOut() {
    this.#hangUp("signed-out");
  }

  #hangUp(state: LinkState) {
    clearTimeout(this.#retryTimer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.#leaveLive(state);
  }

  #closed(code: number) {
    this.#socket = null;
    if (code === UNAUTHENTICATED) return this.#leaveLive("signed-out");
    this.#leaveLive("offline");
    const delay = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#tries++) * (0.5 + Math.random() / 2);
    this.#retryTimer = window.setTimeout(() => this.connect(), delay);
  }

  #leaveLive(state: LinkState) {
    if (this.state.peek() === "live") this.lostAt.value = this.#heardAt;
    this.state.value = state;
    this.roundTrip.value = null;
    this.#byId.clear();
  }

  #send(frame: ClientFrame) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  #subscribe(topic: Topic<unknown>) {
    if (this.state.peek() !== "live") return;
    if (this.#byId.delete(topic.id)) this.#send({ op: "unsub", id: topic.id });
    topic.id = this.#nextId++;
    topic.askedAt = Date.now();
    topic.stale.value = ""; // told anew where it still is
    this.#byId.set(topic.id, topic);
    this.#send({ op: "sub", id: topic.id, topic: topic.name, params: {}, ...topic.position });
  }

  #unsubscribe(topic: Topic<unknown>) {
    if (this.#byId.delete(topic.id)) this.#send({ op: "unsub", id: topic.id });
  }

  #receive(frame: ServerFrame) {
    this.#heardAt = Date.now();
    switch (frame.op) {
      case "welcome":
        this.#welcomed(frame.hb, frame.win);
        break;
      case "snap":
        this.#byId.get(frame.id)?.replace(frame);
        break;
      case "delta":
        this.#extend(frame);
        break;
      case "stale": {
        const topic = this.#byId.get(frame.id);
        if (topic) topic.stale.value = frame.stale;
        break;
      }
      case "pong":
        this.roundTrip.value = performance.now() - frame.t;
        break;
      case "error":
        this.#failed(frame);
        break;
      case "hb":
        break;
    }
    this.#acknowledge(frame.n);
  }

  #welcomed(heartbeatSeconds: number | undefined, window: number | undefined) {
    if (heartbeatSeconds) this.#heartbeatMs = heartbeatSeconds * 1_000;
    this.#ackEvery = Math.max(1, Math.min(4, Math.floor((window ?? 8) / 2)));
    this.#acknowledged = 0;
    this.#tries = 0;
    this.state.value = "live";
    this.lostAt.value = null;
    this.#sendRate();
    for (const topic of this.#topics.values()) if (topic.readers > 0) this.#subscribe(topic);
    this.#ping();
  }

  #extend(delta: Delta) {
    const topic = this.#byId.get(delta.id);
    if (!topic || topic.extend(delta)) return;
    topic.forget();
    this.#subscribe(topic);
  }

  #failed(failure: Failure) {
    const topic = failure.topic ? this.#topics.get(failure.topic) : undefined;
    if (!topic) return this.onFailure(failure);
    topic.askedAt = 0;
    const unknown = failure.code === "unknown_topic";
    const message = unknown ? `There is no topic “${topic.name}”: it is misspelt, or what publishes it is not installed` : failure.message;
    topic.problem.value = { message, ref: failure.ref ?? failure.code };
  }

  /** Gives the server credit for more frames. Sent after a frame is applied, so a slow page slows its server. */
  #acknowledge(n: number) {
    if (n - this.#acknowledged < this.#ackEvery) return;
    this.#acknowledged = n;
    this.#send({ op: "ack", n });
  }

  #sendRate() {
    this.#send({ op: "rate", hz: document.hidden ? RATE_HIDDEN_HZ : RATE_VISIBLE_HZ });
  }

  #ping() {
    this.#pingedAt = Date.now();
    this.#send({ op: "ping", t: performance.now() });
  }

  #watch() {
    const now = Date.now();
    if (!this.#socket) return;
    // Also bounds a handshake that never ends: the silence is counted from the attempt on.
    if (now - this.#heardAt > this.#heartbeatMs * 2.2) {
      const silent = this.#socket;
      this.#closed(0);
      silent.close();
      return;
    }
    if (this.state.peek() !== "live") return;
    if (now - this.#pingedAt >= PING_EVERY_MS) this.#ping();
    for (const topic of this.#byId.values()) {
      if (topic.askedAt && now - topic.askedAt > ANSWER_WITHIN_MS && topic.data.peek() === null) {
        topic.askedAt = 0;
        topic.problem.value = { message: `No answer within ${ANSWER_WITHIN_MS / 1_000} s`, ref: topic.name };
      }
    }
  }
}
