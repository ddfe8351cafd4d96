// What a person does with their phone besides writing: pressing the menu, scanning, sending pictures and places.
// Every function here takes the phone it happens on.

import { button, choice, element, field, icon, isWebAddress } from "./dom.js";
import * as api from "./api.js";
import { chosenFiles, sample, shrunk } from "./pictures.js";

const MOST_PICTURES = 9;
// What is in a parametric code of an account begins with this (source: 生成带参数的二维码).
const ACCOUNT_CODE = "http://weixin.qq.com/q/";
// Made-up places; the coordinates lie in the same county as the demo's villages.
const PLACES = [
  { label: "示例县政务服务中心", latitude: 26.5812, longitude: 112.4105 },
  { label: "白石乡便民服务站", latitude: 26.6237, longitude: 112.3568 },
  { label: "枫木村村民委员会", latitude: 26.6409, longitude: 112.3391 },
];

// --- the menu ---------------------------------------------------------------------------------------

/** Button type → what pressing it does (source: 自定义菜单 · 创建接口, 按钮类型). */
const PRESSES = {
  click: (phone, { key }) => phone.act({ type: "click", key }),
  view: (phone, { url, name }) => {
    phone.openPage(url, name);
    return phone.act({ type: "view", key: url });
  },
  miniprogram: (phone, { appid, pagepath, url, name }) => {
    phone.openMini({ appid, pagepath, title: name }, url);
    return phone.act({ type: "view_miniprogram", key: pagepath });
  },
  scancode_push: async (phone, { key }) => {
    const content = await scanned(phone);
    if (!content) return;
    // The person sees the result at once, and the account is told of it.
    if (isWebAddress(content)) phone.openPage(content, "扫码结果");
    await phone.act({ type: "scancode_push", key, content });
  },
  scancode_waitmsg: async (phone, { key }) => {
    const content = await scanned(phone);
    if (!content) return;
    phone.notify("正在等待公众号的消息…");
    await phone.act({ type: "scancode_waitmsg", key, content });
  },
  pic_sysphoto: (phone, button) => sendPictures(phone, button, ["camera"]),
  pic_photo_or_album: (phone, button) => sendPictures(phone, button, ["camera", "album"]),
  pic_weixin: (phone, button) => sendPictures(phone, button, ["album", "camera"]),
  location_select: (phone, { key }) => sendPlace(phone, { type: "location_select", key }),
  media_id: (phone, { media_id: key }) => phone.act({ type: "media_id", key }),
  article_id: (phone, { article_id: key }) => phone.act({ type: "article_id", key }),
  article_view_limited: (phone, { article_id: id }) => phone.notify(`在真手机上，这里会打开图文 ${id}。`),
};

export function press(phone, pressed) {
  return PRESSES[pressed.type](phone, pressed);
}

// --- scanning ---------------------------------------------------------------------------------------

/** Ask what is scanned: a code that the account has made, or any text. Nothing where the person goes back. */
async function scanned(phone) {
  const text = field("text", "", "", "码的内容");
  text.placeholder = "粘贴二维码的内容或网址";
  const form = element("form", "asking", text, element("button", "primary", "识别"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    phone.layer.close(text.value.trim());
  });
  const codes = element("div", "codes");
  const { items } = await api.codes();
  for (const { url, scene } of items) {
    const words = [element("strong", "", scene), element("small", "", url)];
    codes.append(button("entry code", element("span", "", ...words), () => phone.layer.close(url)));
  }
  return phone.layer.show(
    "sheet scan",
    "扫一扫",
    element("h3", "sheet-title", "扫一扫"),
    element("div", "finder", icon("scan")),
    form,
    ...(items.length ? [element("p", "sheet-note", "公众号生成的二维码"), codes] : []),
    button("entry cancel", "取消", () => phone.layer.close()),
  );
}

/** Scan with WeChat's own scanner: the account's code tells the account, an address opens, other text is shown. */
export async function scan(phone) {
  const content = await scanned(phone);
  if (!content) return;
  if (content.startsWith(ACCOUNT_CODE)) await phone.act({ type: "scan", ticket: content });
  else if (isWebAddress(content)) phone.openPage(content, "扫码结果");
  else phone.notify(`扫码结果：${content}`);
}

// --- pictures ---------------------------------------------------------------------------------------

const SOURCES = { camera: "拍照（示例照片）", album: "从手机相册选择" };

/** The pictures that the person takes or chooses, kept by the simulator: [{media_id, pic_url}]. */
async function takenPictures(phone, sources, several) {
  const source = await phone.layer.choose(
    "发送图片",
    sources.map((name) => [name, SOURCES[name]]),
  );
  if (!source) return [];
  const files = source === "camera" ? [] : (await chosenFiles(several)).slice(0, MOST_PICTURES);
  try {
    const blobs = await Promise.all(source === "camera" ? [sample(phone.world.now())] : files.map(shrunk));
    return await Promise.all(blobs.map(kept));
  } catch (error) {
    if (error.name !== "InvalidStateError") throw error;
    phone.notify("这个文件不是能打开的图片。");
    return [];
  }
}

async function kept(blob) {
  const { media_id: id } = await api.upload(blob);
  return { media_id: id, pic_url: new URL(api.medium(id), location.href).href };
}

async function sendPictures(phone, { type, key }, sources) {
  const pictures = await takenPictures(phone, sources, type !== "pic_sysphoto");
  if (pictures.length) await phone.act({ type, key, pictures });
}

export async function sendImage(phone) {
  const [picture] = await takenPictures(phone, ["camera", "album"], false);
  if (picture) await phone.act({ type: "image", ...picture });
}

// --- places -----------------------------------------------------------------------------------------

export async function sendPlace(phone, deed = { type: "location" }) {
  const ticks = PLACES.map((place, index) =>
    choice("radio", "place", index === 0, element("strong", "", place.label), element("small", "", degrees(place))),
  );
  const own = choice("radio", "place", false, "自己填写");
  const label = field("text", "", "", "地点名称");
  const latitude = field("number", "", String(PLACES[0].latitude), "纬度");
  const longitude = field("number", "", String(PLACES[0].longitude), "经度");
  label.placeholder = "地点名称";
  Object.assign(latitude, { step: "any", min: -90, max: 90, required: true });
  Object.assign(longitude, { step: "any", min: -180, max: 180, required: true });
  const typed = element("div", "typed", label, latitude, longitude);
  typed.addEventListener("input", () => { own.input.checked = true; });
  const form = element(
    "form",
    "places",
    element("div", "map", icon("place")),
    ...ticks.map((one) => one.label),
    own.label,
    typed,
    element("button", "primary", "发送位置"),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const index = ticks.findIndex((one) => one.input.checked);
    const here = { label: label.value.trim(), latitude: latitude.valueAsNumber, longitude: longitude.valueAsNumber };
    phone.layer.close(PLACES[index] ?? here);
  });
  const place = await phone.layer.show(
    "sheet",
    "选择位置",
    element("h3", "sheet-title", "选择位置"),
    form,
    button("entry cancel", "取消", () => phone.layer.close()),
  );
  if (place) await phone.act({ ...deed, ...place });
}

const degrees = ({ latitude, longitude }) => `北纬 ${latitude}°，东经 ${longitude}°`;
