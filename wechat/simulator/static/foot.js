// The lower end of a phone: writing, sending other things, and the account's menu.

import { button, element, icon } from "./dom.js";
import * as deeds from "./deeds.js";

/** Words and drawing of what the person can send besides text → what it does. */
const EXTRAS = [
  ["照片", "photo", deeds.sendImage],
  ["扫一扫", "scan", deeds.scan],
  ["位置", "place", (phone) => deeds.sendPlace(phone)],
];

export class Foot {
  constructor(phone, root) {
    this.phone = phone;
    const find = (name) => root.querySelector(`.${name}`);
    this.input = find("input");
    this.menu = find("menu");
    this.panel = find("panel");
    this.plus = find("plus");
    this.shown = null;
    this.input.setAttribute("aria-label", `${phone.seat.label}发消息`);
    this.input.placeholder = `发消息，例如：${phone.seat.says}`;
    find("compose").addEventListener("submit", (event) => {
      event.preventDefault();
      this.sendText();
    });
    this.panel.append(
      ...EXTRAS.map(([words, drawing, send]) => {
        const extra = button("extra", icon(drawing), () => {
          this.showPanel(false);
          phone.attempt(send);
        });
        extra.append(element("span", "", words));
        return extra;
      }),
    );
    this.plus.addEventListener("click", () => this.showPanel(this.panel.hidden));
    document.addEventListener("click", (event) => this.closeMenus(event.target));
    root.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      this.closeMenus(null);
      this.showPanel(false);
    });
  }

  showPanel(open) {
    this.panel.hidden = !open;
    this.plus.setAttribute("aria-expanded", String(open));
  }

  async sendText() {
    const content = this.input.value.trim();
    if (!content) return;
    this.input.value = "";
    if (!(await this.phone.act({ type: "text", content }))) this.input.value = content;
  }

  showMenu(buttons) {
    // What has not changed stays as it is: a list that somebody has opened would close under their finger.
    const shown = JSON.stringify(buttons);
    if (shown === this.shown) return;
    this.shown = shown;
    this.menu.hidden = buttons.length === 0;
    this.menu.replaceChildren(...buttons.map((one) => this.entry(one)));
  }

  press(one) {
    this.closeMenus(null);
    return this.phone.attempt((phone) => deeds.press(phone, one));
  }

  entry(one) {
    const holder = element("div", "menu-entry");
    if (!one.sub_button?.length) {
      holder.append(button("menu-button", one.name, () => this.press(one)));
      return holder;
    }
    const list = element("div", "sub-menu", ...one.sub_button.map((inner) =>
      button("sub-button", inner.name, () => this.press(inner)),
    ));
    list.hidden = true;
    const top = button("menu-button holds", one.name, () => {
      const open = list.hidden;
      this.closeMenus(null);
      list.hidden = !open;
      top.setAttribute("aria-expanded", String(open));
    });
    top.setAttribute("aria-expanded", "false");
    holder.append(top, list);
    return holder;
  }

  closeMenus(target) {
    for (const list of this.menu.querySelectorAll(".sub-menu")) {
      if (target && list.parentElement.contains(target)) continue;
      list.hidden = true;
      list.previousElementSibling.setAttribute("aria-expanded", "false");
    }
  }
}
