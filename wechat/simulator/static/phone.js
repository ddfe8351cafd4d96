// One phone: a person, their chat with the account, and what they can do.

import { askConsent, showAccount } from "./account.js";
import * as api from "./api.js";
import { scan } from "./deeds.js";
import { button, element, icon, isWebAddress, picture } from "./dom.js";
import { Foot } from "./foot.js";
import { Layer } from "./layer.js";
import { draw } from "./messages.js";
import { showMinute } from "./time.js";
import { WebPage } from "./web.js";

const SHOWN = 200;
const NOTICE_MS = 6000;
const BANNER_MS = 5000;
const FRESH_SECONDS = 3;
const NEAR_END_PIXELS = 40;
// Some people get dizzy from things that move.
const calm = matchMedia("(prefers-reduced-motion: reduce)");

const PARTS = [
  "picker", "screen", "chat", "newer", "empty", "empty-badge", "empty-title", "empty-text", "empty-button", "empty-more",
  "empty-scan", "empty-consent", "account", "more", "foot", "notice", "status-time", "web", "web-count", "banner",
  "banner-title", "banner-text", "layer",
];

export class Phone {
  /**
   * `seat` says whose phone it is: {role, label, says, fits(user), newcomer}. `world` is the page's shared state:
   * {users: Map, config, unread: Map, now()}. `onPick` is told when another person is picked.
   */
  constructor(seat, world, onPick) {
    this.seat = seat;
    this.world = world;
    this.onPick = onPick;
    this.person = null;
    this.last = null;
    this.reading = null;
    this.askingMenu = null;
    // Whether the newest message is in sight, so that the chat moves along with the next one; and how far down
    // the chat was scrolled when that was last decided (pixels).
    this.atEnd = true;
    this.top = 0;
    const root = document.getElementById("phone").content.firstElementChild.cloneNode(true);
    this.root = root;
    const parts = Object.fromEntries(PARTS.map((name) => [name, root.querySelector(`.${name}`)]));
    this.parts = parts;
    root.dataset.role = seat.role;
    root.querySelector(".role").textContent = seat.label;
    parts.picker.setAttribute("aria-label", `选择${seat.label}`);
    this.foot = new Foot(this, parts.foot);
    this.layer = new Layer(parts.layer, [parts.screen, parts.web]);
    this.web = new WebPage(parts.web, () => this.backToChat());
    parts.picker.addEventListener("change", () => this.attempt(() => this.pick(parts.picker.value)));
    parts.more.addEventListener("click", () => this.attempt(showAccount));
    parts["empty-button"].addEventListener("click", () => this.emptyAction());
    parts["empty-scan"].addEventListener("click", () => this.attempt(scan));
    parts["empty-consent"].addEventListener("click", () => this.attempt(askConsent));
    for (const pressed of ["click", "auxclick"]) {
      root.addEventListener(pressed, (event) => event.target.closest("a") && this.hold());
    }
    parts.newer.addEventListener("click", () => this.scroll("smooth"));
    parts.banner.addEventListener("click", () => this.web.close());
    parts.chat.addEventListener("scroll", () => this.noticeScroll());
    // A picture gets its height when it has come, and pushes the end of the chat down; so do things below it.
    for (const come of ["load", "loadedmetadata"]) {
      parts.chat.addEventListener(come, () => this.keepEnd(), true);
    }
    new ResizeObserver(() => this.keepEnd()).observe(parts.chat);
  }

  tick() {
    this.parts["status-time"].textContent = showMinute(this.world.now());
  }

  // --- people ---------------------------------------------------------------------------------------

  /** Show the list of people; pick the first that fits if nobody is picked. */
  listPeople() {
    const { picker } = this.parts;
    const people = [...this.world.users.values()].filter(
      (user) => this.seat.fits(user) || user.openid === this.person?.openid,
    );
    picker.replaceChildren(...people.map((user) => new Option(nameOf(user), user.openid)));
    picker.disabled = people.length === 0;
    if (people.length === 0) picker.append(new Option("还没有人", ""));
    const known = this.person && this.world.users.get(this.person.openid);
    if (known) {
      this.person = known;
      picker.value = known.openid;
      this.showState();
    } else {
      this.pick(people[0]?.openid ?? null);
    }
  }

  async pick(openid) {
    const { picker } = this.parts;
    this.layer.close();
    this.web.close();
    this.person = this.world.users.get(openid) ?? null;
    if (this.person && ![...picker.options].some((option) => option.value === openid)) {
      picker.append(new Option(nameOf(this.person), openid));
    }
    picker.value = this.person?.openid ?? "";
    this.showState();
    this.showUnread();
    this.onPick();
    await Promise.all([this.reload(), this.readMenu()]);
  }

  /** Show whether there is a person and whether they follow. */
  showState() {
    const { person, parts, world } = this;
    const following = Boolean(person?.follow);
    const name = world.config.account_name;
    parts.account.textContent = name;
    parts.more.hidden = !following;
    parts.chat.hidden = !following;
    parts.foot.hidden = !following;
    parts.empty.hidden = following;
    parts["empty-more"].hidden = !person;
    parts["empty-badge"].textContent = name.slice(0, 1);
    if (!person) {
      parts["empty-title"].textContent = `还没有${this.seat.label}`;
      parts["empty-text"].textContent = `运行 fangpin demo 会带来一个县的人；也可以现在新建一位${this.seat.label}试试。`;
      parts["empty-button"].textContent = `新建一位${this.seat.label}`;
    } else if (!following) {
      parts["empty-title"].textContent = name;
      parts["empty-text"].textContent = `${nameOf(person)}还没有关注这个公众号，收不到它的消息。`;
      parts["empty-button"].textContent = "关注公众号";
    }
  }

  async emptyAction() {
    if (this.person) return this.act({ type: "subscribe" });
    return this.attempt(async () => {
      const user = await api.addUser(this.seat.newcomer);
      this.world.users.set(user.openid, user);
      this.listPeople();
    });
  }

  // --- the chat -------------------------------------------------------------------------------------

  async reload() {
    // What comes while the chat is read may be missing in it, and is added after it.
    const reading = { arrived: [] };
    this.reading = reading;
    this.parts.chat.replaceChildren();
    this.last = null;
    if (!this.person) return;
    const { items } = await api.chat(this.person.openid, SHOWN);
    // Somebody else was picked, or the chat is being read anew.
    if (this.reading !== reading) return;
    this.reading = null;
    const newest = items.at(-1)?.seq ?? 0;
    items.push(...reading.arrived.filter((item) => item.seq > newest));
    // Whoever turns to a phone on which something has just arrived is to see that it has.
    const since = this.world.now() - FRESH_SECONDS;
    for (const item of items) this.put(item, item === items.at(-1) && item.received_at > since);
    this.scroll("instant");
  }

  /** Take a message from the stream, and tell whether the person has seen it come. */
  receive(item) {
    if (item.openid !== this.person?.openid || (this.last && item.seq <= this.last.seq)) return false;
    if (this.reading) {
      this.reading.arrived.push(item);
      return true;
    }
    this.put(item, true);
    if (item.direction === "in") this.showTyping(0);
    if (this.web.open) {
      if (item.direction === "in") this.announce(item);
      return false;
    }
    if (!this.atEnd && item.direction === "in") return false;
    this.scroll("smooth");
    return true;
  }

  put(item, fresh) {
    const drawn = draw(this, item, this.last);
    if (fresh) drawn.at(-1).classList.add("fresh");
    const { chat } = this.parts;
    chat.append(...drawn);
    while (chat.childElementCount > 2 * SHOWN) chat.firstElementChild.remove();
    this.last = item;
  }

  scroll(behavior) {
    const { chat } = this.parts;
    this.atEnd = true;
    if (!this.web.open) this.seen();
    chat.scrollTo({ top: chat.scrollHeight, behavior: calm.matches ? "instant" : behavior });
    this.top = chat.scrollTop;
  }

  /** Stay at the newest message when what is around it has changed its size. */
  keepEnd() {
    if (this.atEnd) this.scroll("instant");
  }

  /** Only the person scrolls up: what grows leaves the end behind without the chat having moved. */
  noticeScroll() {
    const { scrollTop, scrollHeight, clientHeight } = this.parts.chat;
    const near = scrollHeight - scrollTop - clientHeight < NEAR_END_PIXELS;
    if (near) this.atEnd = true;
    else if (scrollTop < this.top) this.atEnd = false;
    this.top = scrollTop;
    if (near && !this.web.open) this.seen();
  }

  /** Letters that stand for the pictures of the two who talk. */
  faces() {
    return { person: nameOf(this.person).slice(0, 1), account: this.world.config.account_name.slice(0, 1) };
  }

  // --- what has not been seen yet -------------------------------------------------------------------

  seen() {
    if (this.person && this.world.unread.delete(this.person.openid)) this.showUnread();
  }

  /** Show how many messages wait: for this person over the chat and its page, for others in the list of people. */
  showUnread() {
    const { parts, world } = this;
    const mine = world.unread.get(this.person?.openid) ?? 0;
    parts.newer.hidden = mine === 0 || this.web.open;
    parts.newer.textContent = `${mine} 条新消息`;
    parts["web-count"].hidden = mine === 0;
    parts["web-count"].textContent = mine;
    for (const option of parts.picker.options) {
      const user = world.users.get(option.value);
      if (!user) continue;
      const waiting = !option.selected && world.unread.get(option.value);
      option.text = waiting ? `${nameOf(user)}（${waiting} 条未读）` : nameOf(user);
    }
  }

  /** A banner over the page that covers the chat. */
  announce(item) {
    const { parts } = this;
    parts["banner-title"].textContent = this.world.config.account_name;
    parts["banner-text"].textContent = item.title || item.text;
    parts.banner.hidden = false;
    clearTimeout(this.bannerTimer);
    this.bannerTimer = setTimeout(() => { parts.banner.hidden = true; }, BANNER_MS);
  }

  /** The account shows that somebody there is writing (source: 客服消息 · 客服输入状态). */
  showTyping(seconds) {
    const { account } = this.parts;
    clearTimeout(this.typingTimer);
    account.textContent = seconds ? "对方正在输入…" : this.world.config.account_name;
    if (seconds) this.typingTimer = setTimeout(() => this.showTyping(0), seconds * 1000);
  }

  backToChat() {
    this.parts.banner.hidden = true;
    this.scroll("instant");
    this.parts.chat.focus({ preventScroll: true });
  }

  // --- what the person does -------------------------------------------------------------------------

  async readMenu() {
    // Answers may come in another order than they were asked for; the last question counts.
    const asking = {};
    this.askingMenu = asking;
    if (!this.person) return;
    const { menu } = await api.menu(this.person.openid);
    if (this.askingMenu === asking) this.foot.showMenu(menu);
  }

  /** Let the authorisation page know whose phone a link is on that opens in a window of its own. */
  hold() {
    document.cookie = `sim_holder=${encodeURIComponent(this.person.openid)}; path=/; max-age=3600; samesite=lax`;
  }

  openPage(url, title) {
    this.hold();
    this.web.show(url, title, this.person.openid);
  }

  /** Open a mini program: as web pages where the simulator knows some, else as a word of what would open. */
  openMini(page, url) {
    const { web_pages: pages, mp_app_id: own } = this.world.config;
    const appid = page.appid ?? own;
    const path = page.pagepath ?? "";
    if (pages[appid]) return this.openPage(`${pages[appid]}${path}`, page.title);
    const close = button("capsule", icon("close"), () => this.layer.close(), "关闭小程序");
    const instead = button("secondary", "打开备用网页", () => {
      this.layer.close();
      this.openPage(url, page.title);
    });
    return this.layer.show(
      "cover mini-page",
      "小程序",
      close,
      element("span", "mini-logo", icon("mini")),
      element("h3", "", page.title || "小程序"),
      element("p", "", "在真手机上，这里会打开小程序的页面："),
      element("code", "mini-path", path || "首页"),
      element("p", "mini-id", appid),
      ...(isWebAddress(url) ? [instead] : []),
    );
  }

  /** Choose an answer of a menu message: it is sent as a text that names the choice. */
  answer(content, id) {
    return this.act({ type: "text", content, fields: id ? { bizmsgmenuid: id } : null });
  }

  enlarge(source) {
    const shown = button("viewer-picture", picture("", source, "放大的图片"), () => this.layer.close(), "关闭图片");
    return this.layer.show("cover viewer", "图片", shown);
  }

  /** Do something as this person, and tell whether the simulator took it. */
  async act(deed) {
    const openid = this.person.openid;
    return this.attempt(async () => {
      await api.act(openid, deed);
      return true;
    });
  }

  /** Run something that asks the simulator; what goes wrong is said on the phone, and the answer is false. */
  async attempt(work) {
    try {
      return await work(this);
    } catch (error) {
      if (!(error instanceof api.Failed)) throw error;
      this.notify(error.message);
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

export function nameOf(user) {
  return user.name && user.name !== user.nickname ? `${user.nickname}（${user.name}）` : user.nickname;
}
