// One message as elements. Text from the service is only ever put in as text, never as markup.

import { showBetween, showExact } from "./time.js";

const QUIET_SECONDS = 300;
// An address, or a link as WeChat allows in an account's texts.
const LINKS = /<a\s+href="(https?:\/\/[^"]+)"[^>]*>([^<]*)<\/a>|https?:\/\/[^\s<>"，。；）]+/g;

export function element(tag, name, ...children) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.append(...children);
  return made;
}

function link(url, ...children) {
  const made = element("a", "", ...children);
  made.href = url;
  made.target = "_blank";
  made.rel = "noopener noreferrer";
  return made;
}

const isWebAddress = (url) => /^https?:\/\//.test(url ?? "");

function withLinks(text) {
  const parts = [];
  let from = 0;
  for (const match of text.matchAll(LINKS)) {
    parts.push(text.slice(from, match.index), link(match[1] ?? match[0], match[2] ?? match[0]));
    from = match.index + match[0].length;
  }
  parts.push(text.slice(from));
  return parts;
}

function card(item) {
  const made = element("article", "card");
  made.append(element("h3", "card-title", item.title || "服务通知"));
  made.append(element("p", "card-time", `${showExact(item.received_at)} 到达`));
  const rows = element("dl", "rows");
  for (const { label, value } of item.fields) {
    rows.append(element("div", "row", element("dt", "", label), element("dd", "", value)));
  }
  made.append(rows);
  if (isWebAddress(item.url)) {
    const more = link(item.url, element("span", "", "查看详情"), element("span", "chevron"));
    more.className = "card-more";
    made.append(more);
  } else if (item.miniprogram) {
    made.append(element("p", "card-more quiet", element("span", "", "进入小程序查看"), element("span", "chevron")));
  }
  return made;
}

function article(item) {
  const made = element("article", "card");
  made.append(element("h3", "card-title", item.title), element("p", "card-text", item.text));
  if (isWebAddress(item.url)) {
    const more = link(item.url, element("span", "", "阅读全文"), element("span", "chevron"));
    more.className = "card-more";
    made.append(more);
  }
  return made;
}

function bubble(item, face) {
  const avatar = element("span", "avatar", face);
  avatar.setAttribute("aria-hidden", "true");
  const text = element("p", "bubble", ...withLinks(item.text));
  return item.direction === "out"
    ? element("div", "line own", text, avatar)
    : element("div", "line", avatar, text);
}

/**
 * The elements of one message: a time before it where the chat was quiet, then the message itself.
 * `faces` holds the letters of the two pictures, `now` the demo's time in unix seconds.
 */
export function draw(item, previous, faces, now) {
  const drawn = [];
  if (!previous || item.received_at - previous.received_at > QUIET_SECONDS) {
    drawn.push(element("p", "between", showBetween(item.received_at, now)));
  }
  if (item.direction === "system") drawn.push(element("p", "system", item.text));
  else if (item.fields.length) drawn.push(card(item));
  else if (item.title) drawn.push(article(item));
  else drawn.push(bubble(item, item.direction === "out" ? faces.person : faces.account));
  return drawn;
}
