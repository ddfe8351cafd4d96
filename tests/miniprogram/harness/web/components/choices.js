/** Boxes to tick: alone, in groups of which several or only one may be ticked, and switches. */
import { isSet, onTap, part, partOf } from "./base.js";

/** One thing to tick; the group around it, where there is one, hears of it. */
function tick(role, group) {
  return part({
    defaults: { value: "", checked: false, disabled: false, name: "", color: "", type: role },
    observers: {
      checked(value) {
        this.mark?.(isSet(value));
      },
    },
    made(host) {
      this.host = host;
      host.setAttribute("role", role);
      this.mark(isSet(this.data.checked));
      onTap(this, () => this.press());
    },
    methods: {
      press() {
        if (isSet(this.data.disabled)) return;
        if (role === "radio" && this.ticked) return;
        this.mark(role === "radio" || !this.ticked);
        const around = group && this.host.closest(`wx-${group}`);
        if (around) partOf(around).heard(this);
        else this.triggerEvent("change", { value: role === "switch" ? this.ticked : this.ticked ? [this.data.value] : [] });
      },
      mark(ticked) {
        this.ticked = ticked;
        this.host?.setAttribute("aria-checked", String(ticked));
      },
      read() {
        return this.ticked;
      },
      clear() {
        this.mark(false);
      },
    },
  });
}

/** A group; `detailOf` makes the event's value of the parts that are ticked. */
function group(tag, role, heard, detailOf) {
  return part({
    defaults: { name: "" },
    made(host) {
      this.host = host;
      host.setAttribute("role", role);
    },
    methods: {
      parts() {
        return [...this.host.querySelectorAll(`wx-${tag}`)].map(partOf);
      },
      heard(pressed) {
        heard(this.parts(), pressed);
        this.triggerEvent("change", { value: this.read() });
      },
      read() {
        return detailOf(this.parts().filter((one) => one.ticked).map((one) => one.data.value));
      },
      clear() {
        this.parts().forEach((one) => one.mark(false));
      },
    },
  });
}

const onlyOne = (parts, pressed) => parts.forEach((one) => one.mark(one === pressed));

export const choices = {
  checkbox: tick("checkbox", "checkbox-group"),
  radio: tick("radio", "radio-group"),
  switch: tick("switch"),
  "checkbox-group": group("checkbox", "group", () => {}, (values) => values),
  "radio-group": group("radio", "radiogroup", onlyOne, ([value = ""]) => value),
};
