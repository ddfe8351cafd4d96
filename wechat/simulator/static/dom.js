// Making elements. Text from the service is only ever put in as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

export function element(tag, name, ...children) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.append(...children);
  return made;
}

/** A button that does something at once; `label` is what a screen reader says where the face is no text. */
export function button(name, face, onPress, label) {
  const made = element("button", name, face);
  made.type = "button";
  if (label) made.setAttribute("aria-label", label);
  made.addEventListener("click", onPress);
  return made;
}

/** One of the drawings at the end of index.html. */
export function icon(name) {
  const drawing = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#icon-${name}`);
  drawing.setAttribute("class", "icon");
  drawing.setAttribute("aria-hidden", "true");
  drawing.append(use);
  return drawing;
}

/** A picture with words for those who do not see it. */
export function picture(name, source, words) {
  const made = element("img", name);
  made.src = source;
  made.alt = words;
  return made;
}

/** An input with a name for those who do not see what is beside it. */
export function field(kind, name, value, words) {
  const input = element("input", name);
  input.type = kind;
  input.value = value;
  input.setAttribute("aria-label", words);
  return input;
}

/** A box or dot to tick with the words beside it; `input` of the answer is the control itself. */
export function choice(kind, group, ticked, ...words) {
  const input = element("input", "tick");
  input.type = kind;
  input.name = group;
  input.checked = ticked;
  const label = element("label", "choice", input, element("span", "choice-words", ...words));
  return { label, input };
}

export const isWebAddress = (url) => /^https?:\/\//.test(url ?? "");

/** Whether an address is on this machine: the page's policy lets no other be shown or drawn. */
export function isLocal(url) {
  return URL.canParse(url) && ["127.0.0.1", "localhost"].includes(new URL(url).hostname);
}
