// One phone: a person, their chat with the account, and what they can do.

import * as api from "./api.js";
import { draw, element } from "./messages.js";
import { showMinute } from "./time.js";

const SHOWN = 200;
const NOTICE_MS = 6000;
const FRESH_SECONDS = 3;
// Some people get dizzy from things that move.
const calm = matchMedia("(prefers-reduced-motion: reduce)");

export class Phone {
  /**
   * `seat` says whose phone it is: {role, label, says, fits(user), newcomer}. `world` is the page's shared state:
   * {users: Map, config, now()}. `onPick` is told when another person is picked.
   */
  constructor(seat, world, onPick) {
    this.seat = seat;
    this.world = world;
    this.onPick = onPick;
    this.person = null;
    this.last = null;
    const root = document.getElementById("phone").content.firstElementChild.cloneNode(true);
    this.root = root;
    const find = (name) => root.querySelector(`.${name}`);
    this.parts = Object.fromEntries(
      ["picker", "chat", "empty", "empty-badge", "empty-title", "empty-text", "empty-button", "account", "follow",
        "foot", "input", "send", "menu", "notice", "compose", "status-time"].map((name) => [name, find(name)]),
    );
    root.dataset.role = seat.role;
    find("role").textContent = seat.label;
    this.parts.picker.setAttribute("aria-label", `选择${seat.label}`);
    this.parts.input.setAttribute("aria-label", `${seat.label}发消息`);
    this.parts.input.placeholder = `发消息，例如：${seat.says}`;
    this.parts.picker.addEventListener("change", () => this.pick(this.parts.picker.value));
    this.parts.compose.addEventListener("submit", (event) => this.sendText(event));
    this.parts.follow.addEventListener("click", () => this.toggleFollow());
    this.parts["empty-button"].addEventListener("click", () => this.emptyAction());
    document.addEventListener("click", (event) => this.closeMenus(event.target));
    root.addEventListener("click", (event) => event.target.closest("a") && this.hold());
    root.addEventListener("keydown", (event) => event.key === "Escape" && this.closeMenus(null));
  }

  tick() {
    this.parts["status-time"].textContent = showMinute(this.world.now());
  }

  /** Show the list of people; pick the first that fits if nobody is picked. */
  listPeople() {
    const people = [...this.world.users.values()].filter(
      (user) => this.seat.fits(user) || user.openid === this.person?.openid,
    );
    this.parts.picker.replaceChildren(...people.map((user) => new Option(nameOf(user), user.openid)));
    this.parts.picker.disabled = people.length === 0;
    if (people.length === 0) this.parts.picker.append(new Option("还没有人", ""));
    const known = this.person && this.world.users.get(this.person.openid);
    if (known) {
      this.person = known;
      this.parts.picker.value = known.openid;
      this.showState();
    } else {
      this.pick(people[0]?.openid ?? null);
    }
  }

  async pick(openid) {
    this.person = this.world.users.get(openid) ?? null;
    if (this.person && ![...this.parts.picker.options].some((option) => option.value === openid)) {
      this.parts.picker.append(new Option(nameOf(this.person), openid));
    }
    this.parts.picker.value = this.person?.openid ?? "";
    this.showState();
    this.onPick();
    await this.reload();
  }

  async reload() {
    const openid = this.person?.openid;
    this.parts.chat.replaceChildren();
    this.last = null;
    if (!openid) return;
    const { items } = await api.chat(openid, SHOWN);
    if (this.person?.openid !== openid) return;
    this.parts.chat.replaceChildren();
    this.last = null;
    // Whoever turns to a phone on which something has just arrived is to see that it has.
    const since = this.world.now() - FRESH_SECONDS;
    for (const item of items) this.put(item, item === items.at(-1) && item.received_at > since);
    this.scroll("instant");
  }

  receive(item) {
    if (item.openid !== this.person?.openid || (this.last && item.seq <= this.last.seq)) return;
    this.put(item, true);
    this.scroll("smooth");
  }

  put(item, fresh) {
    const faces = { person: nameOf(this.person).slice(0, 1), account: this.world.config.account_name.slice(0, 1) };
    const drawn = draw(item, this.last, faces, this.world.now());
    if (fresh) drawn.at(-1).classList.add("fresh");
    const { chat } = this.parts;
    chat.append(...drawn);
    while (chat.childElementCount > 2 * SHOWN) chat.firstElementChild.remove();
    this.last = item;
  }

  scroll(behavior) {
    const { chat } = this.parts;
    chat.scrollTo({ top: chat.scrollHeight, behavior: calm.matches ? "instant" : behavior });
  }

  /** Show whether there is a person and whether they follow. */
  showState() {
    const { person, parts, world } = this;
    const following = Boolean(person?.follow);
    parts.account.textContent = world.config.account_name;
    parts.follow.hidden = !following;
    parts.follow.textContent = "取消关注";
    parts.chat.hidden = !following;
    parts.foot.hidden = !following;
    parts.empty.hidden = following;
    parts["empty-badge"].textContent = world.config.account_name.slice(0, 1);
    if (!person) {
      parts["empty-title"].textContent = `还没有${this.seat.label}`;
      parts["empty-text"].textContent = `运行 fangpin demo 会带来一个县的人；也可以现在新建一位${this.seat.label}试试。`;
      parts["empty-button"].textContent = `新建一位${this.seat.label}`;
    } else if (!following) {
      parts["empty-title"].textContent = world.config.account_name;
      parts["empty-text"].textContent = `${nameOf(person)}还没有关注这个公众号，收不到它的消息。`;
      parts["empty-button"].textContent = "关注公众号";
    }
  }

  showMenu() {
    this.parts.menu.replaceChildren(...this.world.config.menu.map((button) => this.menuEntry(button)));
  }

  menuEntry(button) {
    const holder = element("div", "menu-entry");
    const top = element("button", "menu-button", button.name);
    top.type = "button";
    holder.append(top);
    if (!button.sub_button?.length) {
      top.addEventListener("click", () => this.press(button));
      return holder;
    }
    top.classList.add("holds");
    top.setAttribute("aria-expanded", "false");
    const list = element("div", "sub-menu");
    list.hidden = true;
    for (const inner of button.sub_button) {
      const entry = element("button", "sub-button", inner.name);
      entry.type = "button";
      entry.addEventListener("click", () => {
        this.closeMenus(null);
        this.press(inner);
      });
      list.append(entry);
    }
    top.addEventListener("click", () => {
      const open = list.hidden;
      this.closeMenus(null);
      list.hidden = !open;
      top.setAttribute("aria-expanded", String(open));
    });
    holder.append(list);
    return holder;
  }

  closeMenus(target) {
    for (const list of this.parts.menu.querySelectorAll(".sub-menu")) {
      if (target && list.parentElement.contains(target)) continue;
      list.hidden = true;
      list.previousElementSibling.setAttribute("aria-expanded", "false");
    }
  }

  /** Let the page that is about to open know whose phone it is on: the authorisation path reads this. */
  hold() {
    document.cookie = `sim_holder=${encodeURIComponent(this.person.openid)}; path=/; max-age=3600; samesite=lax`;
  }

  press(button) {
    if (button.type === "view" && /^https?:\/\//.test(button.url)) {
      this.hold();
      window.open(button.url, "_blank", "noopener");
      return this.act({ type: "view", key: button.url });
    }
    if (button.type === "click") return this.act({ type: "click", key: button.key });
    return this.notify(`模拟器里的手机还不会“${button.name}”这种菜单。`);
  }

  async sendText(event) {
    event.preventDefault();
    const content = this.parts.input.value.trim();
    if (!content) return;
    this.parts.input.value = "";
    if (!(await this.act({ type: "text", content }))) this.parts.input.value = content;
  }

  toggleFollow() {
    return this.act({ type: this.person.follow ? "unsubscribe" : "subscribe" });
  }

  async emptyAction() {
    if (this.person) return this.toggleFollow();
    try {
      const user = await api.addUser(this.seat.newcomer);
      this.world.users.set(user.openid, user);
      this.listPeople();
    } catch (error) {
      this.parts["empty-text"].textContent = words(error);
    }
    return undefined;
  }

  /** Do something as this person, and tell whether the simulator took it. */
  async act(deed) {
    try {
      await api.act(this.person.openid, deed);
      return true;
    } catch (error) {
      this.notify(words(error));
      return false;
    }
  }

  notify(text) {
    const { notice } = this.parts;
    notice.textContent = text;
    notice.hidden = false;
    clearTimeout(this.noticeTimer);
    this.noticeTimer = setTimeout(() => { notice.hidden = true; }, NOTICE_MS);
  }
}

function words(error) {
  return error instanceof api.Refused ? `模拟器没有接受：${error.message}` : "连不上模拟器，请确认它还在运行。";
}

export function nameOf(user) {
  return user.name && user.name !== user.nickname ? `${user.nickname}（${user.name}）` : user.nickname;
}
