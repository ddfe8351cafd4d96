/** The phone itself: starts the mini program, and is what a test holds in its hand (`window.phone`). */
import { loadFiles } from "./wx/files.js";
import { launch } from "./loader.js";
import { hide, show } from "./pages.js";
import { phone } from "./state.js";

await loadFiles();
const [path, query = ""] = phone.page.split("?");
launch(path, query);
phone.goAway = hide;
phone.comeBack = show;
document.body.dataset.ready = "";
