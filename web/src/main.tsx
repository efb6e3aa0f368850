/** The page begins here: who is the visitor, where are they, what is there. */
import { render } from "preact";
import "./ui/base.css";
import { begin } from "./api/session";
import { startRouter } from "./router";
import { App } from "./shell/app";
import { startTheme } from "./shell/theme";

startTheme();
startRouter();
void begin();
const root = document.getElementById("page");
if (root) render(<App />, root);
