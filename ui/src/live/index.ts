import { shared, token } from "../shared/mode";
import { LiveConnection } from "./connection";

const scheme = location.protocol === "https:" ? "wss:" : "ws:";

/** The page's one link to the server. */
export const live = new LiveConnection(`${scheme}//${location.host}/live${shared ? `?share=${encodeURIComponent(token)}` : ""}`);
