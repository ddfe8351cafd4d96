/** What a mini program keeps on the phone: values of JSON under names, up to a megabyte each, apart for each person. */
import { phone } from "../state.js";
import { apis, Failed } from "./api.js";

const MOST_CHARS = 1 << 20;
const start = `${phone.openid}/`;
const names = () =>
  Object.keys(localStorage).filter((name) => name.startsWith(start)).map((name) => name.slice(start.length));

const sync = {
  getStorageSync(name) {
    const kept = localStorage.getItem(start + name);
    return kept === null ? "" : JSON.parse(kept).value;
  },
  setStorageSync(name, value) {
    const text = JSON.stringify({ value });
    if (text.length > MOST_CHARS) throw new Failed("exceed storage item max length");
    localStorage.setItem(start + name, text);
  },
  removeStorageSync: (name) => localStorage.removeItem(start + name),
  clearStorageSync: () => names().forEach(sync.removeStorageSync),
  getStorageInfoSync: () => ({ keys: names(), currentSize: 0, limitSize: 10240 }),
};

export const storage = {
  ...sync,
  ...apis({
    getStorage({ key }) {
      if (!names().includes(key)) throw new Failed("data not found");
      return { data: sync.getStorageSync(key) };
    },
    setStorage: ({ key, data }) => sync.setStorageSync(key, data),
    removeStorage: ({ key }) => sync.removeStorageSync(key),
    clearStorage: () => sync.clearStorageSync(),
    getStorageInfo: () => sync.getStorageInfoSync(),
  }),
};
