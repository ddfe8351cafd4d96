// What a person decides about the account: whether it may write, which notices they want, whether they follow.

import * as api from "./api.js";
import { button, choice, element } from "./dom.js";

// Type of a subscription template → how long one consent lasts (source: 订阅通知 · 获取私有模板列表).
const LASTING = { 2: "一次性", 3: "长期" };
const LABEL = /^\s*(.*?)[：:\s]*\{\{/gm;

const labels = (content) => [...content.matchAll(LABEL)].map(([, label]) => label).filter(Boolean).join("、");

/** The subscription templates of the account and of its mini program, each with the deed that consents to it. */
async function subscriptions({ oa_app_id: account, mp_app_id: mini }) {
  const sources = [
    [account, "consent"],
    [mini, "consent_mp"],
  ];
  const found = await Promise.all(
    sources.map(async ([appId, type]) => {
      const { items } = await api.templates(appId);
      return items.filter((one) => one.type in LASTING).map((one) => ({ ...one, deed: type }));
    }),
  );
  return found.flat();
}

/** Ask for consent as WeChat does: tick what may come, then allow or refuse. */
export async function askConsent(phone) {
  const templates = await subscriptions(phone.world.config);
  const name = phone.world.config.account_name;
  if (!templates.length) {
    phone.notify(`“${name}”还没有订阅通知的模板。`);
    return;
  }
  const ticks = templates.map((one) => {
    const lasting = element("span", "tag", LASTING[one.type]);
    return choice("checkbox", "", true, element("strong", "", one.title, lasting), element("small", "", labels(one.content)));
  });
  const always = choice("checkbox", "", false, "总是保持以上选择，不再询问");
  always.label.classList.add("always");
  const allow = button("primary", "允许", () => phone.layer.close("accept"));
  const chosen = () => templates.filter((_, index) => ticks[index].input.checked);
  const list = element("div", "consents", ...ticks.map((one) => one.label));
  list.addEventListener("change", () => { allow.disabled = chosen().length === 0; });
  const answer = await phone.layer.show(
    "sheet consent",
    "订阅通知",
    element("p", "sheet-from", element("span", "avatar small", name.slice(0, 1)), `${name} 申请`),
    element("h3", "sheet-title", "给你发送以下通知"),
    list,
    always.label,
    element("div", "answers", button("secondary", "取消", () => phone.layer.close("reject")), allow),
  );
  if (!answer) return;
  const wanted = answer === "accept" ? chosen() : [];
  const keep = always.input.checked ? "always" : "accept";
  // One window is one deed for each of the two applications.
  const deeds = Map.groupBy(templates, (one) => one.deed);
  const taken = [];
  for (const [type, group] of deeds) {
    const decided = group.map((one) => ({ template_id: one.template_id, status: wanted.includes(one) ? keep : "reject" }));
    taken.push(await phone.act({ type, templates: decided }));
  }
  if (taken.every(Boolean)) phone.notify(wanted.length ? `已订阅 ${wanted.length} 种通知。` : "没有订阅通知。");
}

function row(words, ...rest) {
  return element("div", "setting", element("span", "", words), ...rest);
}

/** The account's own page: what it may send, and the way out. */
export async function showAccount(phone) {
  const { config } = phone.world;
  const { person } = phone;
  const receive = choice("checkbox", "", !person.blocked, "接收通知");
  receive.label.className = "setting switch";
  receive.input.setAttribute("role", "switch");
  const note = () => (receive.input.checked ? "" : "已拒收：公众号发来的消息都收不到。");
  const says = element("p", "settings-note", note());
  receive.input.addEventListener("change", async () => {
    const { checked } = receive.input;
    if (!(await phone.act({ type: checked ? "unblock" : "block" }))) receive.input.checked = !checked;
    says.textContent = note();
  });
  const close = (answer) => () => phone.layer.close(answer);
  const wanted = await phone.layer.show(
    "cover settings",
    "公众号设置",
    element("div", "cover-bar", button("cover-back", element("span", "back"), close(), "返回"), element("h3", "", "设置")),
    element(
      "div",
      "profile",
      element("span", "avatar large", config.account_name.slice(0, 1)),
      element("div", "", element("strong", "", config.account_name), element("small", "", `公众号  ${config.oa_username}`)),
    ),
    element("div", "group", receive.label),
    says,
    element(
      "div",
      "group",
      button("setting", row("订阅通知", element("span", "chevron")), close("consent")),
    ),
    element("div", "group", button("setting centre danger", "取消关注", close("leave"))),
  );
  if (wanted === "consent") await askConsent(phone);
  if (wanted === "leave" && (await phone.layer.confirm(`取消关注后，不再收到“${config.account_name}”发来的消息。`, "取消关注", "仍然关注"))) {
    await phone.act({ type: "unsubscribe" });
  }
}
