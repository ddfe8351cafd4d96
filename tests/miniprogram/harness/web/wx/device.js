/** What the phone tells of itself, and the little things that it does. */
import { phone } from "../state.js";
import { api, apis, event } from "./api.js";

const windowInfo = () => ({
  pixelRatio: devicePixelRatio, screenWidth: innerWidth, screenHeight: innerHeight,
  windowWidth: innerWidth, windowHeight: innerHeight, statusBarHeight: 0, screenTop: 0,
  safeArea: { left: 0, top: 0, right: innerWidth, bottom: innerHeight, width: innerWidth, height: innerHeight },
});
const deviceInfo = () => ({ brand: "phone", model: "phone", system: "Android 10", platform: "android", benchmarkLevel: 1 });
const baseInfo = () => ({
  SDKVersion: "3.8.0", version: "8.0.50", language: "zh_CN", theme: "light", fontSizeSetting: 16, enableDebug: false, host: { env: "WeChat" },
});
const systemInfo = () => ({ ...windowInfo(), ...deviceInfo(), ...baseInfo() });

phone.did = [];
/** Note that the phone did something outside of the app, for a test to see. */
const did = (what) => (given) => void phone.did.push({ what, ...given });

export const device = {
  getWindowInfo: windowInfo,
  getDeviceInfo: deviceInfo,
  getAppBaseInfo: baseInfo,
  getSystemInfoSync: systemInfo,
  getSystemSetting: () => ({ locationEnabled: Boolean(phone.position), wifiEnabled: true }),
  getAppAuthorizeSetting: () => ({ locationAuthorized: "authorized", cameraAuthorized: "authorized", microphoneAuthorized: "authorized" }),
  getMenuButtonBoundingClientRect: () => ({ width: 87, height: 32, top: 6, right: innerWidth - 7, bottom: 38, left: innerWidth - 94 }),
  ...apis({
    getSystemInfo: systemInfo,
    getSystemInfoAsync: systemInfo,
    makePhoneCall: did("makePhoneCall"),
    setClipboardData: did("setClipboardData"),
    navigateToMiniProgram: did("navigateToMiniProgram"),
    vibrateShort: () => ({}),
    vibrateLong: () => ({}),
    getRandomValues: ({ length }) => ({ randomValues: crypto.getRandomValues(new Uint8Array(length)).buffer }),
  }),
  scanCode: api("scanCode", () => ({ result: phone.scans ?? "", scanType: "QR_CODE" })),
  ...event("WindowResize"),
  ...event("KeyboardHeightChange"),
};
