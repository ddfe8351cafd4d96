/** Where the phone is. */
import { json } from "build";

import { ask } from "../asking.js";
import { phone } from "../state.js";
import { apis, Failed } from "./api.js";
import { privately } from "./privacy.js";

const located = (name) =>
  privately(name, async () => {
    if (!json.app.requiredPrivateInfos?.includes(name)) {
      throw new Failed("the api need to be declared in the requiredPrivateInfos field in app.json");
    }
    if (!json.app.permission?.["scope.userLocation"]?.desc) throw new Failed("require permission desc");
    if (!phone.position) throw new Failed("auth deny");
    const position = { accuracy: 10, speed: -1, altitude: 0, verticalAccuracy: 0, horizontalAccuracy: 10 };
    return { ...position, ...phone.position };
  });

export const place = apis({
  getLocation: () => located("getLocation"),
  getFuzzyLocation: () => located("getFuzzyLocation"),
  chooseLocation: async () => ({ ...(await located("chooseLocation")), name: "", address: "" }),
  openLocation: ({ latitude, longitude, name = "" }) =>
    void ask(`地图：${name}`, [`${latitude}，${longitude}`], { 关闭: true }),
  authorize: ({ scope }) => {
    if (phone.refuses.includes(scope)) throw new Failed("auth deny");
  },
  getSetting: () => ({ authSetting: {}, subscriptionsSetting: { mainSwitch: true, itemSettings: {} } }),
  openSetting: () => ({ authSetting: {} }),
});
