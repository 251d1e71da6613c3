import { useEffect, useState } from "preact/hooks";
import { AskError, put } from "../ask/request";
import { dashboards, type Dashboard } from "../definitions";
import { notify } from "../notices";
import { fileOf } from "../pages/Owner";
import { go, href } from "../router";
import { savedQueries } from "../sql/kept";
import { Icon } from "../shell/Icon";
import { Board, titleOf } from "./Board";
import { added, addressOf, changed, draftOf, empty, freeId, specOf, type Draft } from "./draft";
import { Gallery } from "./Gallery";
import { useHistory } from "./history";
import { metricNames, Options } from "./Options";
import { BoardSettings } from "./Settings";
import { newWidget, unfinished } from "./types";
import { VersionsDialog } from "./VersionsDialog";

/** The version that was not there yet. */
const NONE = -1;

type Saved = { warnings?: string[]; definition?: { version: number } | null };

const pathOf = (id: string, query: string) => `/v1/definitions/dashboard/${encodeURIComponent(id)}?${query}`;

/** Edits a dashboard, or makes one: `held` is the one that holds, null for a new one. */
export function Editor({ held }: { held: Dashboard | null }) {
  const file = held && fileOf(held.owner);
  const [id, setId] = useState(held ? (file === null ? held.name : `${held.name}-copy`) : "");
  const [base, setBase] = useState(held && file === null ? held.version : NONE);
  const history = useHistory(held ? { ...draftOf(held.spec), name: file === null ? held.spec.name : `${held.spec.name}, copy` } : empty);
  const { draft } = history;
  const [chosen, setChosen] = useState<string | null>(null);
  const [open, setOpen] = useState<"gallery" | "versions" | "discard" | null>(null);
  const [complaint, setComplaint] = useState({ text: "", field: "" });
  const [busy, setBusy] = useState(false);
  const [said, say] = useState("");
  const address = id || addressOf(draft.name);
  const now = dashboards.value?.find(({ name }) => name === address) ?? null;
  const theirs = now && now.version !== base && !busy ? now : null;
  const gone = held && file === null && dashboards.value !== null && now === null;
  const unsaved = history.canUndo || held === null || file !== null;
  const widget = draft.widgets.find((each) => each.id === chosen);

  useEffect(() => {
    const ask = (event: BeforeUnloadEvent) => history.canUndo && event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [history.canUndo]);

  useEffect(() => {
    const undoOrRedo = (event: KeyboardEvent) => {
      if (!(event.ctrlKey || event.metaKey) || (event.target instanceof Element && event.target.closest("input, textarea, dialog"))) return;
      const key = event.key.toLowerCase();
      if (key === "s") void save();
      else if (key === "z" && event.shiftKey) history.redo();
      else if (key === "z") history.undo();
      else if (key === "y") history.redo();
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", undoOrRedo);
    return () => removeEventListener("keydown", undoOrRedo);
  });

  // What the server would say of it, while it is made.
  useEffect(() => {
    const missing = draft.widgets.map((each) => ({ each, why: unfinished(each) })).find(({ why }) => why);
    if (missing) return setComplaint({ text: missing.why, field: missing.each.id });
    const timer = setTimeout(() => {
      put<Saved>(pathOf(address, "dry_run=true"), specOf(draft)).then(
        () => setComplaint({ text: "", field: "" }),
        (error: unknown) => told(error),
      );
    }, 500);
    return () => clearTimeout(timer);
  }, [draft, address]);

  function told(error: unknown) {
    const { message, field = "" } = error instanceof AskError ? error : { message: String(error) };
    const place = /^widgets\.(\d+)/.exec(field);
    const which = place ? draft.widgets[Number(place[1])] : undefined;
    setComplaint({ text: which ? message : field && field !== "dashboard" ? `${field}: ${message}` : message, field: which?.id ?? "" });
  }

  async function save(after = base) {
    if (busy) return;
    const missing = draft.widgets.find((each) => unfinished(each));
    if (missing) {
      setChosen(missing.id);
      return say(unfinished(missing));
    }
    setBusy(true);
    try {
      const { warnings = [] } = await put<Saved>(pathOf(address, `after=${after}`), specOf(draft));
      notify(`${draft.name} is saved.${warnings.length > 0 ? ` It may hold a mistake: ${warnings[0]}` : ""}`);
      history.restart(draft);
      go(href(["dashboards", address]));
    } catch (error) {
      told(error);
      if (error instanceof AskError && error.status === 409 && error.field === "after") say("Somebody else saved this dashboard meanwhile.");
    }
    setBusy(false);
  }

  function add(type: string) {
    const fresh = newWidget(type, freeId(draft, type), metricNames(), savedQueries.peek().map(({ name }) => name));
    history.change((draft) => added(draft, fresh));
    setChosen(fresh.id);
    setOpen(null);
    say(`${titleOf(fresh)} is added.`);
  }

  function take(dashboard: Dashboard) {
    history.change(() => draftOf(dashboard.spec));
    setBase(dashboard.version);
  }

  function leave() {
    if (history.canUndo && open !== "discard") return setOpen("discard");
    history.restart(draft);
    go(held ? href(["dashboards", held.name]) : href([]));
  }

  const mine = widget && complaint.field === widget.id ? complaint.text : "";
  return (
    <div class="editor">
      <div class="edit-bar" role="toolbar" aria-label="Edit the dashboard">
        <input class="edit-name" aria-label="Name of the dashboard" maxLength={200} value={draft.name} onInput={(event) => history.change((held) => ({ ...held, name: event.currentTarget.value }), "name")} />
        <button type="button" class="button" onClick={() => setOpen("gallery")}>
          <Icon name="plus" /> Add widget
        </button>
        <button type="button" class="button square" aria-label="Undo (Ctrl-Z)" title="Undo (Ctrl-Z)" disabled={!history.canUndo} onClick={history.undo}>
          <Icon name="undo" />
        </button>
        <button type="button" class="button square" aria-label="Redo (Ctrl-Shift-Z)" title="Redo (Ctrl-Shift-Z)" disabled={!history.canRedo} onClick={history.redo}>
          <Icon name="redo" />
        </button>
        {held && (
          <button type="button" class="button" onClick={() => setOpen("versions")}>
            Versions
          </button>
        )}
        <span class="spring" />
        {open === "discard" ? (
          <>
            <span>Throw your changes away?</span>
            <button type="button" class="button" onClick={() => setOpen(null)}>
              Go on
            </button>
            <button type="button" class="button danger" onClick={leave}>
              Discard
            </button>
          </>
        ) : (
          <>
            <button type="button" class="button" onClick={leave}>
              {history.canUndo ? "Discard" : "Close"}
            </button>
            <button type="button" class="button primary" disabled={busy || !unsaved || draft.name.trim() === "" || theirs !== null} onClick={() => void save()}>
              {busy ? "Saving…" : file === null ? "Save" : "Save the copy"}
            </button>
          </>
        )}
      </div>
      {file !== null && held && (
        <p class="edit-note" role="note">
          <Icon name="lock" /> {held.spec.name} stands in the file {file}, and is changed there. What you make of it here is saved as a copy of your own.
        </p>
      )}
      {theirs && base !== NONE && (
        <p class="edit-note conflict" role="alert">
          <b>{theirs.by || "Somebody"} saved another version while you were editing.</b> Nothing of yours is lost, and nothing of theirs is overwritten yet.
          <button type="button" class="button small" onClick={() => setOpen("versions")}>
            Compare
          </button>
          <button type="button" class="button small" onClick={() => take(theirs)}>
            Go on from theirs
          </button>
          <button type="button" class="button small" onClick={() => void save(theirs.version)}>
            Save mine over it
          </button>
        </p>
      )}
      {theirs && base === NONE && (
        <p class="edit-note conflict" role="alert">
          <b>There is a dashboard {address} already.</b> Give yours another name, or another address.
        </p>
      )}
      {gone && (
        <p class="edit-note conflict" role="alert">
          <b>Somebody removed this dashboard while you were editing.</b>
          <button type="button" class="button small" onClick={() => void save(NONE)}>
            Save it anew
          </button>
        </p>
      )}
      {complaint.text && !mine && (
        <p class="edit-note" role="status">
          ▲ {complaint.text}
          {complaint.field && (
            <button type="button" class="button small" onClick={() => setChosen(complaint.field)}>
              Show it
            </button>
          )}
        </p>
      )}
      <div class="edit-room">
        {draft.widgets.length === 0 ? (
          <section class="panel edit-empty" aria-label="Empty dashboard">
            <div class="message">
              <b>An empty dashboard</b>
              <span>Add a first widget: a figure, a chart, a funnel, or a few words about what will be here.</span>
              <button type="button" class="button primary" onClick={() => setOpen("gallery")}>
                Add widget
              </button>
            </div>
          </section>
        ) : (
          <Board id={address} history={history} chosen={chosen} choose={setChosen} say={say} />
        )}
        {widget ? (
          <Options key={widget.id} widget={widget} complaint={mine} change={(next, tag) => history.change((held: Draft) => changed(held, widget.id, next), tag && `${widget.id} ${tag}`)} close={() => setChosen(null)} />
        ) : (
          <BoardSettings draft={draft} id={address} fresh={base === NONE} rename={setId} change={history.change} />
        )}
      </div>
      <div class="unseen" role="status">
        {said}
      </div>
      {open === "gallery" && <Gallery choose={add} close={() => setOpen(null)} />}
      {open === "versions" && held && (
        <VersionsDialog
          id={held.name}
          draft={draft}
          close={() => setOpen(null)}
          restore={(then) => {
            history.change(() => then);
            setOpen(null);
            say("It is on the board; save it to make it hold.");
          }}
        />
      )}
    </div>
  );
}
