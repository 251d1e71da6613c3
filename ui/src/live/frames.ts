/**
 * The wire protocol of `/live`. Frames are JSON, as text or as UTF-8 bytes.
 *
 * `seq` is a topic's log offset and `epoch` the generation of its view, so any replica of the server can resume
 * any client: `sub` with `after` and `epoch` answers with the missing delta, or with a snapshot where that is gone.
 */

/** How a delta joins the data a client holds: replace top-level keys, extend columns, or set and delete rows. */
export type Policy = "latest" | "append" | "upsert";

/** Opaque to the client: it is sent back as it came. */
export type Epoch = string | number;

export type ClientFrame =
  | { op: "sub"; id: number; topic: string; params: Record<string, unknown>; after?: number; epoch?: Epoch }
  | { op: "unsub"; id: number }
  | { op: "ack"; n: number }
  | { op: "rate"; hz: number }
  | { op: "ping"; t: number };

/** `hb` is the heartbeat period in seconds, `win` the number of frames the server sends ahead of an `ack`. */
type Welcome = { op: "welcome"; hb?: number; win?: number };

export type Snapshot = {
  op: "snap";
  id: number;
  seq: number;
  epoch: Epoch;
  policy: Policy;
  /** Greatest length of each column of an `append` topic; 0 or absent means unbounded. */
  cap?: number | null;
  data: unknown;
  stale?: string;
};

/** The view is not what the log has now, for this reason; with an empty one it is again. Other frames say it in `stale`. */
export type Stale = { op: "stale"; id: number; stale: string };

/** Covers the log offsets in (prev, seq]. */
export type Delta = { op: "delta"; id: number; prev: number; seq: number; data: unknown; stale?: string };

export type Failure = { op: "error"; code: string; message: string; topic?: string; ref?: string };

/** Every server frame carries `n`, its number on this socket, counted from 1. */
export type ServerFrame = { n: number } & (
  | Welcome
  | Snapshot
  | Delta
  | Stale
  | Failure
  | { op: "hb" }
  | { op: "pong"; t: number }
);

/** The close code of a socket that lacks a valid session. */
export const UNAUTHENTICATED = 4401;

const utf8 = new TextDecoder();

export function decode(message: string | ArrayBuffer): ServerFrame {
  return JSON.parse(typeof message === "string" ? message : utf8.decode(message)) as ServerFrame;
}
