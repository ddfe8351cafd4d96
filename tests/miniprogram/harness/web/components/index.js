/** Registers WeChat's built-in components under their tags. */
import { PARTS } from "../tags.js";
import { boxes } from "./boxes.js";
import { choices } from "./choices.js";
import { drawing } from "./drawing.js";
import { fields } from "./fields.js";
import { picker } from "./picker.js";

const all = { ...boxes, ...choices, ...drawing, ...fields, picker };

/** Define the parts for a space and make them usable in every template of it. */
export function registerParts(space) {
  for (const tag of PARTS) {
    const type = space.component(`wx-${tag}`).definition(all[tag]).register();
    space.getComponentSpace().setGlobalUsingComponent(`wx-${tag}`, type._$);
  }
}
