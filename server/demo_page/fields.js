// Controls of the forms, and what is wrong with them. Text from outside is only ever put in as text.

export function element(tag, name, ...children) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.append(...children);
  return made;
}

/**
 * Fill `holder` with things to choose from. `options` are {code, label}; `type` is "radio" or "checkbox";
 * `chosen` are the codes chosen at first.
 */
export function offer(holder, name, type, options, chosen = []) {
  holder.replaceChildren(
    ...options.map(({ code, label }) => {
      const input = element("input");
      Object.assign(input, { type, name, value: code, checked: chosen.includes(code) });
      return element("label", "choice", input, element("span", "", label));
    }),
  );
}

export const chosenIn = (holder) => [...holder.querySelectorAll("input:checked")].map((input) => input.value);

const LEVELS = [
  ["county", "县"],
  ["township", "乡镇"],
  ["village", "村"],
  ["group", "村民小组"],
];

/** Picks a village group from county down; each level is read when the one above it is picked. */
export class PlacePicker {
  /** `children(parent)` reads the places right below one (null: the topmost). */
  constructor(holder, children) {
    this.children = children;
    this.turn = 0;
    this.selects = LEVELS.map(([kind, label]) => {
      const select = element("select");
      select.name = kind;
      select.setAttribute("aria-label", label);
      return select;
    });
    holder.replaceChildren(...this.selects);
    this.selects.forEach((select, level) => select.addEventListener("change", () => this.fill(level + 1)));
  }

  /** The picked group's id, or "". */
  get value() {
    return this.selects.at(-1).value;
  }

  /** Start at the topmost place that has counties below it, with the first of each level picked. */
  async start() {
    let above = null;
    let items = await this.children(above);
    while (items.length && items[0].kind !== "county") {
      above = items[0].id;
      items = await this.children(above);
    }
    this.above = above;
    await this.fill(0);
  }

  /** Fill the select of `level` and those after it. */
  async fill(level) {
    this.turn += 1;
    const turn = this.turn;
    for (const select of this.selects.slice(level)) select.replaceChildren();
    for (const [index, select] of [...this.selects.entries()].slice(level)) {
      const parent = index ? this.selects[index - 1].value : this.above;
      const items = await this.children(parent);
      // A quicker hand may have picked something else meanwhile.
      if (turn !== this.turn) return;
      select.replaceChildren(...items.map((place) => new Option(place.name, place.id)));
    }
  }
}

function holderOf(form, path) {
  // "consent.signed_name" and "risks.0" belong to the control that shows the whole.
  return form.querySelector(`[data-field="${CSS.escape(path.split(".")[0])}"]`);
}

export function clearProblem(form) {
  for (const line of form.querySelectorAll(".wrong, .notice")) line.hidden = true;
  for (const input of form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
}

/** Show a problem's words: each wrong field at its control, all else in the form's notice. */
export function showProblem(form, problem) {
  const general = problem.errors.length ? [] : [problem.message];
  let first = null;
  for (const { field, message } of problem.errors) {
    const holder = holderOf(form, field);
    if (!holder) {
      general.push(message);
      continue;
    }
    const line = holder.querySelector(".wrong");
    line.textContent = message;
    line.hidden = false;
    holder.hidden = false;
    const around = holder.closest("details");
    if (around) around.open = true;
    const input = holder.querySelector("input, select, textarea");
    input?.setAttribute("aria-invalid", "true");
    first ??= { holder, input };
  }
  const notice = form.querySelector(".notice");
  notice.textContent = general.join("；");
  notice.hidden = general.length === 0;
  first?.input?.focus({ preventScroll: true });
  (first?.holder ?? notice).scrollIntoView({ block: "center" });
}
