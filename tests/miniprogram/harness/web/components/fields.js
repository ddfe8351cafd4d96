/** Where a person types. As in WeChat the typed text is the field's own; the page hears of it. */
import { isSet, part } from "./base.js";

const KEYBOARDS = { number: "numeric", digit: "decimal", idcard: "text", tel: "tel" };

/** @param {"input" | "textarea"} tag the element that takes the text */
function field(tag) {
  return part({
    defaults: {
      value: "", placeholder: "", maxlength: 140, disabled: false, focus: false, name: "", type: "text",
      password: false, ariaLabel: "", autoHeight: false, confirmType: "done", placeholderClass: "",
      placeholderStyle: "", cursorSpacing: 0, adjustPosition: true, showConfirmBar: true,
    },
    observers: {
      value(value) {
        if (this.inner && this.inner.value !== String(value ?? "")) this.inner.value = value ?? "";
      },
      "placeholder, disabled, maxlength, focus, ariaLabel": function () {
        this.dress?.();
      },
    },
    made(host) {
      const inner = (this.inner = document.createElement(tag));
      inner.value = this.data.value ?? "";
      this.dress();
      host.append(inner);
      const detail = () => ({ value: inner.value, cursor: inner.selectionStart });
      for (const event of ["input", "focus", "blur"]) {
        inner.addEventListener(event, (heard) => {
          heard.stopPropagation();
          this.triggerEvent(event, detail());
        });
      }
      inner.addEventListener("keydown", ({ key }) => {
        if (key === "Enter" && tag === "input") this.triggerEvent("confirm", detail());
      });
    },
    methods: {
      dress() {
        const { placeholder, disabled, maxlength, focus, password, type, ariaLabel } = this.data;
        const { inner } = this;
        if (!inner) return;
        inner.placeholder = placeholder ?? "";
        inner.disabled = isSet(disabled);
        if (Number(maxlength) >= 0) inner.maxLength = Number(maxlength);
        else inner.removeAttribute("maxlength");
        if (ariaLabel) inner.setAttribute("aria-label", ariaLabel);
        if (tag === "input") inner.type = isSet(password) ? "password" : "text";
        inner.inputMode = KEYBOARDS[type] ?? "text";
        if (isSet(focus)) queueMicrotask(() => inner.focus());
      },
      press() {
        this.inner.focus();
      },
      read() {
        return this.inner.value;
      },
      clear() {
        this.inner.value = "";
      },
    },
  });
}

export const fields = { input: field("input"), textarea: field("textarea") };
