/** WeChat's privacy guard: before the first use of anything personal the person agrees to the privacy notice. */
import { json } from "build";

import { ask } from "../asking.js";
import { phone } from "../state.js";
import { apis, event, Failed, tell } from "./api.js";

const name = `${phone.openid}#privacy`;
const agreed = () => !json.app.__usePrivacyCheck__ || localStorage.getItem(name) === "agreed";
const pressed = new Set();
let waiting = [];

function decide(yes) {
  if (yes) localStorage.setItem(name, "agreed");
  waiting.splice(0).forEach((go) => go(yes));
}

/** The person pressed a button that says so; a question that is open still waits for the page's answer. */
export function agree(buttonId) {
  pressed.add(buttonId);
  localStorage.setItem(name, "agreed");
  return { buttonId };
}

/** What a page answers for the person; that they agreed counts only with the button that they pressed. */
function answer({ event: said, buttonId }) {
  if (said === "agree" && !pressed.has(buttonId)) throw new Error(`nobody pressed the button "${buttonId}"`);
  if (said !== "exposureAuthorization") decide(said === "agree");
}

async function allowed(what) {
  if (agreed()) return true;
  const decided = new Promise((resolve) => waiting.push(resolve));
  // A page that hears the question shows its own; otherwise WeChat shows one.
  if (!tell("NeedPrivacyAuthorization", answer, { referrer: what })) {
    decide(await ask("隐私保护指引", ["使用前请阅读并同意《隐私保护指引》"], { 同意: true, 拒绝: false }));
  }
  return decided;
}

/** Do something that touches personal data, once the person has agreed. */
export async function privately(what, work) {
  if (phone.refuses.includes(what)) throw new Failed("auth deny");
  if (!(await allowed(what))) throw new Failed("privacy permission is not authorized", { errno: 104 });
  return work();
}

export const privacy = {
  ...apis({
    getPrivacySetting: () => ({ needAuthorization: !agreed(), privacyContractName: "《隐私保护指引》" }),
    requirePrivacyAuthorize: async () => {
      if (!(await allowed("requirePrivacyAuthorize"))) throw new Failed("privacy permission is not authorized");
    },
    openPrivacyContract: () => void ask("隐私保护指引", [], { 关闭: true }),
  }),
  ...event("NeedPrivacyAuthorization"),
};
