import "uplot/dist/uPlot.min.css";
import "./style/index.css";
import { render } from "preact";
import { App } from "./App";
import { live } from "./live";
import { notify } from "./notices";
import { adoptKeyFromAddress } from "./session";
import { listenForShortcuts } from "./shortcuts";

live.onFailure = (failure) => notify(`${failure.message} (ref ${failure.ref ?? failure.code})`);
listenForShortcuts();
render(<App />, document.getElementById("app")!);
void adoptKeyFromAddress().then(() => live.connect());
