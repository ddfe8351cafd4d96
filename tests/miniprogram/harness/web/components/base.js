/** What the built-in components share. */

/** The element of a component in the document. */
export const hostOf = (component) => component._$.getBackendElement();

/** The built-in component that an element belongs to. */
export const partOf = (element) => element.wxPart;

/** Hear a tap on a component; `hear` gets the element in the document that was touched. */
export const onTap = (component, hear) =>
  component._$.addListener("tap", (event) => hear(event.getOriginalEvent()?.target));

/** A property without a type of its own, as loose as WXML's. */
export const loose = (value = undefined) => ({ type: null, value });

/** Properties by their defaults. */
export const properties = (defaults) =>
  Object.fromEntries(Object.entries(defaults).map(([name, value]) => [name, loose(value)]));

/** Whether an attribute without a value, or with the text "true", is set. */
export const isSet = (value) => value === true || value === "" || value === "true";

/** A component that makes itself known on its element, so that labels, forms and groups find it. */
export function part({ defaults = {}, made, observers = {}, methods = {} }) {
  return {
    properties: properties(defaults),
    observers,
    methods,
    lifetimes: {
      attached() {
        const host = hostOf(this);
        host.wxPart = this;
        made?.call(this, host);
      },
    },
  };
}
