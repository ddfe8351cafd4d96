/** The object `wx`, joined from its parts. */
import { pullDown, setTitle, ways } from "../pages.js";
import { api, apis, event } from "./api.js";
import { device } from "./device.js";
import { files } from "./files.js";
import { media } from "./media.js";
import { network } from "./network.js";
import { place } from "./place.js";
import { privacy } from "./privacy.js";
import { query } from "./query.js";
import { storage } from "./storage.js";
import { words } from "./words.js";
import { who } from "./who.js";

const nothing = () => ({});

export const wx = {
  ...device,
  ...files,
  ...media,
  ...network,
  ...place,
  ...privacy,
  ...query,
  ...storage,
  ...who,
  ...words,
  ...apis(ways),
  ...apis({
    setNavigationBarTitle: ({ title }) => setTitle(title),
    startPullDownRefresh: () => void pullDown(),
    stopPullDownRefresh: nothing,
    setNavigationBarColor: nothing,
    pageScrollTo: ({ scrollTop = 0, selector }) =>
      selector ? document.querySelector(selector)?.scrollIntoView() : window.scrollTo(0, scrollTop),
    hideHomeButton: nothing,
    hideShareMenu: nothing,
    showShareMenu: nothing,
    setTabBarBadge: nothing,
    removeTabBarBadge: nothing,
    setKeepScreenOn: nothing,
    hideKeyboard: () => document.activeElement?.blur(),
  }),
  ...event("AppShow"),
  ...event("AppHide"),
  ...event("Error"),
  ...event("UnhandledRejection"),
  ...event("PageNotFound"),
  ...event("ThemeChange"),
  ...event("MemoryWarning"),
  nextTick: (then) => queueMicrotask(then),
  canIUse: (name) => name.split(".")[0] in wx,
  getLaunchOptionsSync: nothing,
  getEnterOptionsSync: nothing,
  getUpdateManager: () => ({ onCheckForUpdate() {}, onUpdateReady() {}, onUpdateFailed() {}, applyUpdate() {} }),
  getExtConfigSync: nothing,
  reportEvent() {},
  getLogManager: () => ({ log() {}, info() {}, warn() {}, debug() {} }),
  getRealtimeLogManager: () => ({ info() {}, warn() {}, error() {} }),
  exitMiniProgram: api("exitMiniProgram", nothing),
};
