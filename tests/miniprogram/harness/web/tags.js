/** The built-in tags of WXML that this harness knows; a build with any other does not compile here. */

/** Mean something to the template language itself. */
export const SYNTAX = ["block", "slot", "template", "import", "include", "wxs"];

/** Boxes with nothing but a style. */
export const BOXES = ["view", "text", "cover-view", "cover-image", "movable-area", "page-meta", "icon"];

/** Have a behaviour of their own, in components/. */
export const PARTS = [
  "button", "form", "label",
  "input", "textarea",
  "checkbox", "checkbox-group", "radio", "radio-group", "switch",
  "picker",
  "image", "canvas", "navigator", "scroll-view", "swiper", "swiper-item", "progress", "slider",
];

export const KNOWN = new Set([...BOXES, ...PARTS]);
