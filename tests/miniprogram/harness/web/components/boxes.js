/** Components that hold others: buttons, forms, labels, links, scrolling and turning boxes. */
import { ways } from "../pages.js";
import { phone } from "../state.js";
import { agree, privately } from "../wx/privacy.js";
import { isSet, onTap, part, partOf } from "./base.js";

/** What a button does beyond being pressed, by its open-type; the answer is the event's detail. */
const OPENINGS = {
  getPhoneNumber: ["getphonenumber", () => privately("getPhoneNumber", async () => ({ code: await phone.asks("phone") }))],
  agreePrivacyAuthorization: ["agreeprivacyauthorization", async (button) => agree(button.id)],
  openSetting: ["opensetting", async () => ({ authSetting: {} })],
  contact: ["contact", async () => ({})],
  share: ["share", async () => ({})],
};

async function opened(button) {
  const [event, work] = OPENINGS[button.data.openType] ?? [];
  if (!event) return;
  const detail = await work(button).then(
    (given) => ({ errMsg: `${button.data.openType}:ok`, ...given }),
    (error) => ({ errMsg: `${button.data.openType}:fail ${error.message}` }),
  );
  button.triggerEvent(event, detail);
}

const button = part({
  defaults: { disabled: false, loading: false, openType: "", formType: "", type: "default", plain: false, size: "default" },
  observers: {
    disabled(value) {
      this._$.getBackendElement()?.setAttribute("aria-disabled", String(Boolean(value)));
    },
  },
  made(host) {
    host.setAttribute("role", "button");
    host.setAttribute("aria-disabled", String(Boolean(this.data.disabled)));
    onTap(this, () => {
      if (this.data.disabled) return;
      const form = host.closest("wx-form");
      if (this.data.formType === "submit") partOf(form).submit();
      if (this.data.formType === "reset") partOf(form).reset();
      void opened(this);
    });
  },
});

const form = part({
  made(host) {
    this.host = host;
  },
  methods: {
    fields() {
      return [...this.host.querySelectorAll("*")].map(partOf).filter((one) => one?.data.name);
    },
    submit() {
      const value = Object.fromEntries(this.fields().map((one) => [one.data.name, one.read()]));
      this.triggerEvent("submit", { value });
    },
    reset() {
      this.fields().forEach((one) => one.clear());
      this.triggerEvent("reset", {});
    },
  },
});

const CONTROLS = "wx-checkbox, wx-radio, wx-switch, wx-input, wx-textarea";

const label = part({
  defaults: { for: "" },
  made(host) {
    onTap(this, (touched) => {
      if (touched.closest(`${CONTROLS}, wx-button`)) return;
      const control = this.data.for
        ? [...document.querySelectorAll(CONTROLS)].find((one) => partOf(one)?.id === this.data.for)
        : host.querySelector(CONTROLS);
      if (control) partOf(control).press();
    });
  },
});

const navigator = part({
  defaults: { url: "", openType: "navigate", delta: 1 },
  made(host) {
    host.setAttribute("role", "link");
    onTap(this, () => {
      const way = { navigate: "navigateTo", redirect: "redirectTo" }[this.data.openType] ?? this.data.openType;
      ways[way](this.data);
    });
  },
});

const scrollView = part({
  defaults: { scrollX: false, scrollY: false, scrollTop: 0, scrollIntoView: "", lowerThreshold: 50 },
  observers: {
    scrollTop(value) {
      if (value !== undefined) this._$.getBackendElement()?.scrollTo(0, Number(value));
    },
    scrollIntoView(id) {
      if (id) this._$.getBackendElement()?.querySelector(`[id$="${CSS.escape(id)}"]`)?.scrollIntoView();
    },
  },
  made(host) {
    // Styles ask for the attribute itself.
    host.toggleAttribute("scroll-x", isSet(this.data.scrollX));
    host.toggleAttribute("scroll-y", isSet(this.data.scrollY));
    host.addEventListener("scroll", () => {
      const { scrollTop, scrollLeft, scrollHeight, scrollWidth, clientHeight } = host;
      this.triggerEvent("scroll", { scrollTop, scrollLeft, scrollHeight, scrollWidth });
      if (scrollHeight - scrollTop - clientHeight <= this.data.lowerThreshold) this.triggerEvent("scrolltolower", {});
    });
  },
});

const swiper = part({ defaults: { current: 0 } });
const swiperItem = part({});

export const boxes = {
  button, form, label, navigator,
  "scroll-view": scrollView,
  swiper,
  "swiper-item": swiperItem,
};
