// One message as elements, as WeChat draws it. `phone` is the phone it is on: what is pressed here happens there.

import * as api from "./api.js";
import { button, element, icon, isLocal, isWebAddress, picture } from "./dom.js";
import { pageLink, pressed, withLinks } from "./links.js";
import { showBetween, showExact } from "./time.js";

const QUIET_SECONDS = 300;

// --- notices ----------------------------------------------------------------------------------------

/** The last line of a card: where it leads, a mini program before a page, as WeChat prefers. */
function footer(phone, { url, miniprogram, title }) {
  const face = (words) => [element("span", "", words), element("span", "chevron")];
  if (miniprogram) {
    const more = pressed("", () => phone.openMini({ title, ...miniprogram }, url));
    more.className = "card-more";
    more.append(...face("进入小程序查看"));
    return [more];
  }
  return isWebAddress(url) ? [pageLink(phone, url, title, "card-more", ...face("查看详情"))] : [];
}

function notice(phone, item) {
  const rows = item.fields.map(({ label, value }) =>
    element("div", "row", element("dt", "", label), element("dd", "", value)),
  );
  return element(
    "article",
    "card",
    ...(item.channel === "subscription" ? [element("p", "card-from", icon("bell"), "服务通知")] : []),
    element("h3", "card-title", item.title || "服务通知"),
    element("p", "card-time", `${showExact(item.received_at)} 到达`),
    element("dl", "rows", ...rows),
    ...footer(phone, item),
  );
}

// --- what the account says --------------------------------------------------------------------------

function image(phone, { media_id: id }) {
  const source = api.medium(id);
  const shown = picture("", source, "图片");
  shown.addEventListener("error", () => shown.replaceWith(element("span", "missing", icon("photo"), "图片已过期")));
  return button("bubble-image", shown, () => phone.enlarge(source), "查看图片");
}

function voice(phone, { media_id: id }) {
  const sound = new Audio();
  const shown = button("bubble voice", icon("voice"), () => {
    if (!sound.paused) return sound.pause();
    sound.src = api.medium(id);
    return sound.play().catch(() => phone.notify("浏览器放不了这种格式的语音。"));
  }, "播放语音");
  shown.append(element("span", "", "语音"));
  for (const state of ["play", "pause", "ended"]) {
    sound.addEventListener(state, () => shown.classList.toggle("playing", state === "play"));
  }
  return shown;
}

function video(phone, { media_id: id, title, description }) {
  const shown = element("video", "");
  Object.assign(shown, { src: api.medium(id), controls: true, preload: "metadata" });
  shown.setAttribute("aria-label", title || "视频");
  return element("div", "box", shown, ...caption(title, description));
}

function music(phone, { title, description, musicurl, hqmusicurl }) {
  const face = [icon("music"), element("div", "box-words", ...caption(title || "音乐", description))];
  const address = musicurl || hqmusicurl;
  return isWebAddress(address)
    ? pageLink(phone, address, title, "box music", ...face)
    : element("div", "box music", ...face);
}

const caption = (title, description) => [
  ...(title ? [element("strong", "", title)] : []),
  ...(description ? [element("small", "", description)] : []),
];

/** Only pictures on this machine can be drawn; the others, and none, are a quiet ground. */
const cover = (name, address) =>
  isLocal(address) ? picture(name, address, "") : element("span", `${name} blank`);

function articles(phone, { articles: list }) {
  const alone = list.length === 1;
  const drawn = list.map(({ title, description, url, picurl }, index) => {
    const head = index === 0;
    const words = element("span", "article-words", element("strong", "", title));
    if (alone && description) words.append(element("small", "", description));
    const face = [cover(head ? "article-cover" : "article-thumb", picurl), words];
    const name = `article${head ? " head" : ""}`;
    return isWebAddress(url) ? pageLink(phone, url, title, name, ...face) : element("div", name, ...face);
  });
  return element("article", `card articles${alone ? " alone" : ""}`, ...drawn);
}

function menu(phone, { head_content: head, list, tail_content: tail }) {
  const choices = list.map(({ id, content }) =>
    element("span", "choice-line", pressed(content, () => phone.answer(content, id))),
  );
  const end = tail ? [element("span", "choice-line", ...withLinks(phone, tail))] : [];
  return element("div", "bubble", ...withLinks(phone, head ?? ""), ...choices, ...end);
}

function mini(phone, page) {
  const shown = pressed("", () => phone.openMini(page));
  shown.className = "box mini";
  const { thumb_media_id: thumb } = page;
  shown.append(
    element("span", "mini-from", icon("mini"), phone.world.config.account_name),
    element("strong", "", page.title || "小程序"),
    thumb ? picture("mini-cover", api.medium(thumb), "") : element("span", "mini-cover blank", icon("mini")),
    element("small", "", icon("mini"), "小程序"),
  );
  return shown;
}

function place(phone, { label, latitude, longitude }) {
  return element(
    "div",
    "box place",
    element("strong", "", label || "位置"),
    element("small", "", `北纬 ${latitude}°，东经 ${longitude}°`),
    element("span", "map", icon("place")),
  );
}

const text = (phone, { content }) => element("p", "bubble", ...withLinks(phone, content));

/** Type of a message → its drawing beside the speaker's picture. */
const SPOKEN = { text, image, voice, video, music, msgmenu: menu, miniprogrampage: mini, location: place };
/** Type of a message → its drawing over the whole width. */
const WIDE = { news: articles };

// The names of a passive reply's fields → those of a customer message, which say the same.
const NAMES = {
  MediaId: "media_id",
  ThumbMediaId: "thumb_media_id",
  MusicUrl: "musicurl",
  HQMusicUrl: "hqmusicurl",
  Title: "title",
  Description: "description",
  PicUrl: "picurl",
  Url: "url",
};
const renamed = (fields) => Object.fromEntries(Object.entries(fields ?? {}).map(([key, value]) => [NAMES[key], value]));
/** Type of a passive reply → where it holds its fields (source: 被动回复用户消息). */
const REPLIES = {
  text: ({ Content }) => ({ content: Content }),
  image: ({ Image }) => renamed(Image),
  voice: ({ Voice }) => renamed(Voice),
  video: ({ Video }) => renamed(Video),
  music: ({ Music }) => renamed(Music),
  news: ({ Articles }) => ({ articles: Articles.map(renamed) }),
};

/** What a message is and what it holds, with a customer message's names: [type, fields]. */
function said({ channel, msgtype, data, text: words }) {
  if (channel === "reply") return [data.MsgType, REPLIES[data.MsgType](data)];
  return data && (SPOKEN[msgtype] || WIDE[msgtype]) ? [msgtype, data] : ["text", { content: words }];
}

function spoken(phone, item) {
  const [type, fields] = said(item);
  if (WIDE[type]) return WIDE[type](phone, fields);
  const own = item.direction === "out";
  const { person, account } = phone.faces();
  const avatar = element("span", "avatar", own ? person : account);
  avatar.setAttribute("aria-hidden", "true");
  const shown = SPOKEN[type](phone, fields);
  return own ? element("div", "line own", shown, avatar) : element("div", "line", avatar, shown);
}

/** The elements of one message: a time before it where the chat was quiet, then the message itself. */
export function draw(phone, item, previous) {
  const drawn = [];
  if (!previous || item.received_at - previous.received_at > QUIET_SECONDS) {
    drawn.push(element("p", "between", showBetween(item.received_at, phone.world.now())));
  }
  if (item.direction === "system") drawn.push(element("p", "system", item.text));
  else drawn.push(item.fields.length ? notice(phone, item) : spoken(phone, item));
  return drawn;
}
