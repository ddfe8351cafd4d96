// What comes up over a phone: sheets from below, questions in the middle, and whole pages.

import { button, element } from "./dom.js";

export class Layer {
  /** `root` is the phone's layer, `behind` the elements that nobody can reach while something is up. */
  constructor(root, behind) {
    this.root = root;
    this.behind = behind;
    this.settle = null;
    root.addEventListener("click", (event) => event.target === root && this.close());
    root.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.close();
    });
  }

  /**
   * Bring something up and return a promise of its answer: what `close` is given, undefined where it is sent away.
   * `look` is sheet, dialog or cover; `label` is what a screen reader calls it; `children` is what it holds.
   */
  show(look, label, ...children) {
    this.close();
    const before = document.activeElement;
    const shown = element("div", look, ...children);
    shown.setAttribute("role", "dialog");
    shown.setAttribute("aria-label", label);
    shown.tabIndex = -1;
    this.root.replaceChildren(shown);
    this.root.hidden = false;
    for (const one of this.behind) one.inert = true;
    shown.focus({ preventScroll: true });
    return new Promise((resolve) => {
      this.settle = (answer) => {
        this.settle = null;
        this.root.hidden = true;
        this.root.replaceChildren();
        for (const one of this.behind) one.inert = false;
        before?.focus({ preventScroll: true });
        resolve(answer);
      };
    });
  }

  close(answer) {
    this.settle?.(answer);
  }

  /** A list of things to choose from: `[answer, words]` pairs. */
  choose(label, pairs) {
    const entries = pairs.map(([answer, words]) => button("entry", words, () => this.close(answer)));
    return this.show("sheet", label, ...entries, button("entry cancel", "取消", () => this.close()));
  }

  /** A question with two answers; the promise is true for `yes`. */
  confirm(words, yes, no = "取消") {
    return this.show(
      "dialog",
      words,
      element("p", "dialog-words", words),
      element(
        "div",
        "dialog-answers",
        button("", no, () => this.close(false)),
        button("strong", yes, () => this.close(true)),
      ),
    );
  }
}
