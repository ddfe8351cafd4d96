/** Who holds the phone, as WeChat's servers know it. */
import { phone } from "../state.js";
import { api, apis, Failed } from "./api.js";

export const who = {
  ...apis({
    login: async () => ({ code: await phone.asks("login") }),
    checkSession: () => ({}),
    async requestSubscribeMessage({ tmplIds }) {
      if (tmplIds.length > 3) throw new Failed("Templates count out of max bounds", { errCode: 20003 });
      const answer = phone.refuses.includes("requestSubscribeMessage") ? "reject" : "accept";
      await phone.asks("subscribe", { tmplIds, answer });
      return Object.fromEntries(tmplIds.map((id) => [id, answer]));
    },
  }),
  getAccountInfoSync: () => ({ miniProgram: { appId: phone.appId ?? "", envVersion: "release", version: "1.0.0" } }),
  getUserProfile: api("getUserProfile", () => {
    throw new Failed("auth deny");
  }),
};
