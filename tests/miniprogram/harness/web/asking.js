/** Questions and remarks that WeChat lays over a page. */

/** An element with these properties and children. */
export function node(tag, properties = {}, children = []) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/**
 * Ask something and wait for the answer.
 *
 * @param {string} title
 * @param {(Node | string)[]} content
 * @param {Record<string, any>} buttons words → the answer they give
 */
export function ask(title, content, buttons) {
  return new Promise((resolve) => {
    const shade = node("div", { className: "asked", role: "dialog" });
    const choices = Object.entries(buttons).map(([words, answer]) => {
      const made = node("button", { type: "button", textContent: words });
      made.addEventListener("click", () => {
        shade.remove();
        resolve(answer);
      });
      return made;
    });
    const form = node("form", {}, [node("h2", { textContent: title, hidden: !title }), ...content, ...choices]);
    form.addEventListener("submit", (event) => event.preventDefault());
    shade.append(form);
    document.body.append(shade);
  });
}

let gone;

/** Show a remark; it goes by itself after `duration` milliseconds, or with `unsay`. */
export function say(words, duration) {
  unsay();
  document.body.append(node("div", { id: "toast", role: "status", textContent: words }));
  if (duration) gone = setTimeout(unsay, duration);
}

export function unsay() {
  clearTimeout(gone);
  document.getElementById("toast")?.remove();
}
