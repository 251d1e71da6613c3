import "uplot/dist/uPlot.min.css";
import "./style/index.css";
import { render } from "preact";
import { App } from "./App";
import { followDefinitions } from "./definitions";
import { live } from "./live";
import { notify } from "./notices";
import { addressHasKey, adoptKeyFromAddress } from "./session";
import { listenForShortcuts } from "./shortcuts";

live.onFailure = (failure) => notify(`${failure.message} (ref ${failure.ref ?? failure.code})`);
listenForShortcuts();
render(<App />, document.getElementById("app")!);

async function start() {
  if (addressHasKey()) await adoptKeyFromAddress();
  live.connect();
}

// A link with a key may also be opened in a tab that is already here.
addEventListener("hashchange", () => addressHasKey() && void start());
followDefinitions();
void start();
