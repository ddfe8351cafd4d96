// The links that an account may put into its texts (source: 客服消息 · 发送文本消息, 跳转小程序与菜单消息).

import { element, isWebAddress } from "./dom.js";

const LINK = /<a\b([^>]*)>([^<]*)<\/a>|https?:\/\/[^\s<>"，。；）]+/g;
const ATTRIBUTE = /([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;
const MENU_LINK = "weixin://bizmsgmenu";

/** A link that opens in the phone; pressed with a control key it opens in the browser, as links do. */
export function pageLink(phone, url, title, name, ...children) {
  const made = element("a", name, ...children);
  made.href = url;
  made.target = "_blank";
  made.rel = "noopener noreferrer";
  made.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    phone.openPage(url, title);
  });
  return made;
}

/** Something to press that looks like a link and is none of the web's. */
export function pressed(words, onPress) {
  const made = element("button", "as-link", words);
  made.type = "button";
  made.addEventListener("click", onPress);
  return made;
}

function drawn(phone, markup, words) {
  const given = Object.fromEntries([...markup.matchAll(ATTRIBUTE)].map(([, name, one, two]) => [name, one ?? two]));
  const appid = given["data-miniprogram-appid"];
  if (appid) {
    const mini = { appid, pagepath: given["data-miniprogram-path"], title: words };
    return pressed(words, () => phone.openMini(mini, given.href));
  }
  if (given.href?.startsWith(MENU_LINK)) {
    const query = new URL(given.href).searchParams;
    return pressed(words, () => phone.answer(query.get("msgmenucontent") ?? words, query.get("msgmenuid")));
  }
  return isWebAddress(given.href) ? pageLink(phone, given.href, words, "", words) : words;
}

/** A text as the parts that make it up: plain texts and links. */
export function withLinks(phone, text) {
  const parts = [];
  let from = 0;
  for (const match of text.matchAll(LINK)) {
    const [whole, markup, words] = match;
    parts.push(text.slice(from, match.index));
    parts.push(markup === undefined ? pageLink(phone, whole, "", "", whole) : drawn(phone, markup, words));
    from = match.index + whole.length;
  }
  parts.push(text.slice(from));
  return parts;
}
