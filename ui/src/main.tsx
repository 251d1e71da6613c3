import "uplot/dist/uPlot.min.css";
import "./style/index.css";
import { render } from "preact";
import { App } from "./App";
import { followDefinitions } from "./definitions";
import { live } from "./live";
import { notify } from "./notices";
import { addressHasKey, adoptKeyFromAddress } from "./session";
import { openShared } from "./shared/load";
import { shared } from "./shared/mode";
import { SharedApp } from "./shared/SharedApp";
import { listenForShortcuts } from "./shortcuts";

live.onFailure = (failure) => notify(`${failure.message} (ref ${failure.ref ?? failure.code})`);
listenForShortcuts();
render(shared ? <SharedApp /> : <App />, document.getElementById("app")!);

async function start() {
  if (addressHasKey()) await adoptKeyFromAddress();
  live.connect();
}

// A link with a key may also be opened in a tab that is already here.
addEventListener("hashchange", () => addressHasKey() && void start());
if (shared) void openShared();
else {
  followDefinitions();
  void start();
}
