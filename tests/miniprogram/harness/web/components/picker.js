/** The wheel at the bottom of the screen: here a form with one select or date field for each wheel. */
import { ask, node } from "../asking.js";
import { isSet, onTap, part } from "./base.js";

const labelOf = (item, key) => (key ? item?.[key] : item);

function select(range, key, chosen) {
  const options = (range ?? []).map((item, index) => node("option", { textContent: labelOf(item, key), value: index }));
  const made = node("select", {}, options);
  made.value = String(chosen ?? 0);
  return made;
}

/** How each mode is shown, and what it gives: [elements, their values → the event's value]. */
const MODES = {
  selector: ({ range, rangeKey, value }) => [[select(range, rangeKey, value)], ([one]) => one],
  multiSelector: ({ range, rangeKey, value }) => [
    range.map((column, index) => select(column, rangeKey, value?.[index])),
    (all) => all.map(Number),
  ],
  date: ({ value, start, end, fields }) => {
    const type = { month: "month", year: "number" }[fields] ?? "date";
    return [[node("input", { type, value: value ?? "", min: start ?? "", max: end ?? "" })], ([one]) => one];
  },
  time: ({ value, start, end }) => [
    [node("input", { type: "time", value: value ?? "", min: start ?? "", max: end ?? "" })],
    ([one]) => one,
  ],
};

export const picker = part({
  defaults: {
    mode: "selector", range: [], rangeKey: "", value: undefined, start: "", end: "", fields: "day",
    disabled: false, headerText: "", name: "", ariaLabel: "",
  },
  made(host) {
    host.setAttribute("role", "combobox");
    onTap(this, async () => {
      if (isSet(this.data.disabled)) return;
      const [elements, valueOf] = MODES[this.data.mode](this.data);
      elements.forEach((element, column) =>
        element.addEventListener("change", () => {
          if (this.data.mode === "multiSelector") {
            this.triggerEvent("columnchange", { column, value: Number(element.value) });
          }
        }),
      );
      this.wheels = elements;
      const said = await ask(this.data.headerText, elements, { 确定: true, 取消: false });
      this.wheels = null;
      if (said) this.triggerEvent("change", { value: valueOf(elements.map((element) => element.value)) });
      else this.triggerEvent("cancel", {});
    });
  },
  observers: {
    // Turning one wheel of several may change what the others show.
    range(range) {
      if (!this.wheels || this.data.mode !== "multiSelector") return;
      this.wheels.forEach((wheel, index) => {
        wheel.replaceChildren(...select(range[index], this.data.rangeKey, 0).children);
      });
    },
  },
  methods: {
    read() {
      return this.data.value;
    },
    clear() {},
  },
});
