/** Pictures, canvases to draw on, and bars. */
import { createImage, fileAddress } from "../wx/files.js";
import { part } from "./base.js";

const FITS = { aspectFit: "contain", aspectFill: "cover", scaleToFill: "fill", widthFix: "fill", heightFix: "fill", center: "none" };

const image = part({
  defaults: { src: "", mode: "scaleToFill", lazyLoad: false, alt: "", ariaLabel: "", ariaHidden: false },
  observers: {
    "src, mode": function () {
      this.dress?.();
    },
  },
  made(host) {
    this.host = host;
    const inner = (this.inner = document.createElement("img"));
    inner.addEventListener("load", () =>
      this.triggerEvent("load", { width: inner.naturalWidth, height: inner.naturalHeight }),
    );
    inner.addEventListener("error", () => this.triggerEvent("error", { errMsg: "image load fail" }));
    this.dress();
    host.append(inner);
  },
  methods: {
    dress() {
      const { src, mode, alt, ariaLabel, ariaHidden } = this.data;
      if (!this.inner) return;
      this.inner.ariaHidden = String(ariaHidden);
      this.inner.alt = ariaLabel || alt || "";
      this.inner.style.objectFit = FITS[mode] ?? "fill";
      if (mode === "widthFix") this.host.style.height = "auto";
      if (src) this.inner.src = fileAddress(src);
      else this.inner.removeAttribute("src");
    },
  },
});

/** Where a mouse, which tests draw with, touches. */
const touchesOf = ({ clientX, clientY, pointerId }) => [{ identifier: pointerId, clientX, clientY }];

const STROKES = { pointerdown: "touchstart", pointermove: "touchmove", pointerup: "touchend", pointercancel: "touchcancel" };

const canvas = part({
  defaults: { type: "2d", canvasId: "", disableScroll: false },
  made(host) {
    const inner = (this.inner = document.createElement("canvas"));
    inner.createImage = createImage;
    inner.requestAnimationFrame = (draw) => requestAnimationFrame(draw);
    inner.cancelAnimationFrame = (id) => cancelAnimationFrame(id);
    host.append(inner);
    for (const [heard, told] of Object.entries(STROKES)) {
      host.addEventListener(heard, (event) => {
        // Fingers make touches of their own.
        if (event.pointerType !== "mouse" || (heard === "pointermove" && !event.buttons)) return;
        const changedTouches = touchesOf(event);
        this.triggerEvent(told, { touches: told === "touchend" ? [] : changedTouches, changedTouches });
      });
    }
  },
});

const progress = part({
  defaults: { percent: 0 },
  observers: {
    percent(value) {
      this._$.getBackendElement()?.setAttribute("aria-valuenow", String(value));
    },
  },
  made(host) {
    host.setAttribute("role", "progressbar");
  },
});

const slider = part({
  defaults: { min: 0, max: 100, step: 1, value: 0, name: "" },
  made(host) {
    const { min, max, step, value } = this.data;
    const inner = (this.inner = Object.assign(document.createElement("input"), { type: "range", min, max, step, value }));
    inner.addEventListener("change", () => this.triggerEvent("change", { value: this.read() }));
    host.append(inner);
  },
  methods: {
    read() {
      return Number(this.inner.value);
    },
    clear() {
      this.inner.value = this.data.min;
    },
  },
});

export const drawing = { image, canvas, progress, slider };
