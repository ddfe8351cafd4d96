/** The stack of open pages, and the bars around them. */
import { json } from "build";

import { backend, define, space, styled, tellApp, tellReady } from "./loader.js";
import { tell } from "./wx/api.js";

const stack = [];
const DEEPEST = 10;
const top = () => stack.at(-1);

export const currentPages = () => stack.map((page) => page.caller);

class EventChannel {
  listeners = {};
  on(name, hear) {
    (this.listeners[name] ??= []).push(hear);
  }
  once(name, hear) {
    const first = (...args) => (this.off(name, first), hear(...args));
    this.on(name, first);
  }
  off(name, hear) {
    this.listeners[name] = (this.listeners[name] ?? []).filter((one) => hear && one !== hear);
  }
  emit(name, ...args) {
    [...(this.listeners[name] ?? [])].forEach((hear) => hear(...args));
  }
}

/** The page that an address names, seen from the page that is open. */
function pathOf(url) {
  const from = top() ? `/${top().route}` : "/";
  const address = new URL(url, `https://build${from}`);
  // As in WeChat, the query reaches the page as it was written; decoding is the page's business.
  const pairs = address.search.slice(1).split("&").filter(Boolean);
  const query = Object.fromEntries(pairs.map((pair) => [pair.split("=")[0], pair.slice(pair.indexOf("=") + 1)]));
  const route = address.pathname.slice(1);
  if (!json.app.pages.includes(route)) throw new Error(`page "${route}" is not found`);
  return { route, query };
}

function make(url) {
  const { route, query } = pathOf(url);
  define(route);
  const root = backend.createRoot("wx-page", space, route);
  const host = document.createElement("section");
  const holder = document.createElement("div");
  host.append(holder);
  document.getElementById("pages").append(host);
  const caller = root.get();
  const page = { route, query, root, host, caller, style: styled(route), channel: new EventChannel(), title: titleOf(route) };
  Object.assign(caller, { route, __route__: route, options: query, getOpenerEventChannel: () => page.channel });
  stack.push(page);
  root.attach(host, holder);
  caller.onLoad?.(query);
  return page;
}

function settle(page) {
  showPage(page);
  tellReady();
  caller(page, "onReady");
}

function caller(page, hook, ...args) {
  return page?.caller[hook]?.(...args);
}

function showPage(page) {
  page.host.classList.remove("away");
  page.style.disabled = false;
  drawBars();
  caller(page, "onShow");
  page.root.getComponent().triggerPageLifetime("show", []);
}

function hidePage(page) {
  if (!page) return;
  caller(page, "onHide");
  page.root.getComponent().triggerPageLifetime("hide", []);
  page.host.classList.add("away");
  page.style.disabled = true;
}

function close(page) {
  caller(page, "onUnload");
  page.root.release();
  page.host.remove();
  page.style.remove();
}

const closeAll = () => stack.splice(0).reverse().forEach(close);

export function openFirst(url) {
  settle(make(url));
}

/** The ways between pages, by their names in `wx`. */
export const ways = {
  navigateTo({ url, events = {} }) {
    pathOf(url);
    if (stack.length >= DEEPEST) throw new Error("webview count limit exceed");
    hidePage(top());
    const page = make(url);
    Object.entries(events).forEach(([name, hear]) => page.channel.on(name, hear));
    settle(page);
    return { eventChannel: page.channel };
  },
  redirectTo({ url }) {
    pathOf(url);
    close(stack.pop());
    settle(make(url));
  },
  reLaunch({ url }) {
    pathOf(url);
    closeAll();
    settle(make(url));
  },
  switchTab({ url }) {
    const tabs = json.app.tabBar?.list ?? [];
    if (!tabs.some((tab) => tab.pagePath === pathOf(url).route)) throw new Error("can not switch to no-tabBar page");
    closeAll();
    settle(make(url));
  },
  navigateBack({ delta = 1 } = {}) {
    if (stack.length < 2) throw new Error("cannot navigate back at first page");
    stack.splice(Math.max(1, stack.length - delta)).reverse().forEach(close);
    showPage(top());
  },
};

/** The person leaves WeChat, and comes back. */
export function hide() {
  hidePage(top());
  tellApp("onHide");
  tell("AppHide");
}

export function show() {
  tellApp("onShow", {});
  tell("AppShow", {});
  showPage(top());
}

/** The person pulls the page down. */
export const pullDown = () => caller(top(), "onPullDownRefresh");
export const reachBottom = () => caller(top(), "onReachBottom");

const configOf = (route) => ({ ...json.app.window, ...json[route] });
const titleOf = (route) => configOf(route).navigationBarTitleText ?? "";

export function setTitle(title) {
  top().title = title;
  drawBars();
}

function button(words, press) {
  const made = document.createElement("button");
  made.textContent = words;
  made.addEventListener("click", press);
  return made;
}

function drawBars() {
  const bar = document.getElementById("bar");
  const title = document.createElement("h1");
  title.style.cssText = "margin: 0; font-size: 17px";
  title.textContent = top().title;
  const back = button("‹", () => ways.navigateBack());
  back.setAttribute("aria-label", "返回上一页");
  bar.replaceChildren(...(stack.length > 1 ? [back] : []), title);
  bar.hidden = configOf(top().route).navigationStyle === "custom";
  const tabs = json.app.tabBar?.list ?? [];
  const here = tabs.some((tab) => tab.pagePath === top().route);
  const buttons = tabs.map((tab) => button(tab.text, () => ways.switchTab({ url: `/${tab.pagePath}` })));
  document.getElementById("tabs").replaceChildren(...(here ? buttons : []));
}
