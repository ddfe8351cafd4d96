// A page inside the phone, under WeChat's bar.

import * as api from "./api.js";
import { element, isLocal } from "./dom.js";

// Scripts, forms and log-in work; only turning the page around the phone to another address does not.
const ALLOWED = "allow-scripts allow-same-origin allow-forms allow-popups allow-popups-to-escape-sandbox allow-modals allow-downloads";
// What a page may ask its person for; `*`, because the page may have come by WeChat's authorisation page.
const ASKS_FOR = ["geolocation", "microphone", "camera", "clipboard-write"].map((name) => `${name} *`).join("; ");
const REASONS = {
  far: "模拟器里的手机只打开本机（127.0.0.1 或 localhost）的网页。",
  refused: "这个网页不允许放在别的页面里（X-Frame-Options 或 frame-ancestors）。",
  unreachable: "打不开这个网页，请确认它的服务还在运行。",
};

export class WebPage {
  /** `root` is the phone's `.web`; `onClose` is called when the person goes back to the chat. */
  constructor(root, onClose) {
    this.root = root;
    this.onClose = onClose;
    this.url = null;
    const find = (name) => root.querySelector(`.web-${name}`);
    this.parts = Object.fromEntries(
      ["close", "title", "host", "again", "out", "hint", "hint-text", "hint-out", "place"].map((name) => [name, find(name)]),
    );
    this.parts.close.addEventListener("click", () => this.close());
    this.parts.again.addEventListener("click", () => this.load());
    root.addEventListener("keydown", (event) => event.key === "Escape" && this.close());
  }

  get open() {
    return this.url !== null;
  }

  /** Show `url` to `openid`, whose name the frame carries so that the authorisation page knows whose phone it is. */
  show(url, title, openid) {
    this.url = url;
    this.openid = openid;
    this.parts.title.textContent = title || "网页";
    this.parts.host.textContent = URL.canParse(url) ? new URL(url).host : url;
    for (const out of [this.parts.out, this.parts["hint-out"]]) out.href = url;
    this.root.hidden = false;
    this.load();
    this.parts.close.focus({ preventScroll: true });
  }

  async load() {
    const { url } = this;
    this.parts.hint.hidden = true;
    if (!isLocal(url)) return this.hint("far");
    const frame = element("iframe", "web-frame");
    frame.name = `sim:${this.openid}`;
    frame.title = this.parts.title.textContent;
    frame.setAttribute("sandbox", ALLOWED);
    frame.allow = ASKS_FOR;
    frame.src = url;
    this.root.dataset.state = "loading";
    frame.addEventListener("load", () => { this.root.dataset.state = "shown"; });
    this.parts.place.replaceChildren(frame);
    // The browser does not tell a page that its frame stayed empty, so the simulator looks.
    const { reason } = await api.look(url);
    if (reason && frame.isConnected) this.hint(reason);
    return undefined;
  }

  /** Say in the page's place why it is not there. */
  hint(reason) {
    this.root.dataset.state = "shown";
    this.parts.place.replaceChildren();
    this.parts["hint-text"].textContent = REASONS[reason];
    this.parts.hint.hidden = false;
  }

  close() {
    if (!this.open) return;
    this.url = null;
    this.root.hidden = true;
    this.parts.place.replaceChildren();
    this.onClose();
  }
}
