/** The phone's files: in memory, so that they can be read at once, and in IndexedDB, so that they outlive a restart. */
import { base64Of, bytesOf, phone } from "../state.js";
import { apis, Failed } from "./api.js";

const USER = "wxfile://usr";
const TEMPORARY = "wxfile://tmp";
const held = new Map(); // path → { bytes, type, at }, where `at` is in seconds, as WeChat counts
const folders = new Set([USER]);
let database;
let count = 0;

const done = (asked) => new Promise((resolve, reject) => {
  asked.onsuccess = () => resolve(asked.result);
  asked.onerror = () => reject(asked.error);
});
const kept = () => database.transaction("files", "readwrite").objectStore("files");

/** Read what this person's phone kept; temporary files are gone by then. */
export async function loadFiles() {
  const opening = indexedDB.open(`files/${phone.openid}`);
  opening.onupgradeneeded = () => opening.result.createObjectStore("files");
  database = await done(opening);
  for (const path of await done(kept().getAllKeys())) {
    held.set(path, await done(kept().get(path)));
    folders.add(path.slice(0, path.lastIndexOf("/")));
  }
}

/** Put bytes under a path (a new temporary one where none is given) and return the path. */
export function store(bytes, { path, type = "" } = {}) {
  const ending = { "image/jpeg": ".jpg", "image/png": ".png", "audio/mpeg": ".mp3" }[type] ?? "";
  const where = path ?? `${TEMPORARY}/${Date.now()}-${++count}${ending}`;
  held.set(where, { bytes, type, at: Math.floor(Date.now() / 1000) });
  if (!where.startsWith(TEMPORARY)) kept().put(held.get(where), where);
  return where;
}

function existing(path) {
  if (!held.has(path)) throw new Failed(`no such file or directory, open '${path}'`);
  return held.get(path);
}

export const readFile = (path) => existing(path).bytes;

/** An address at which the browser finds what the build calls `src`. */
export function fileAddress(src) {
  if (held.has(src)) return URL.createObjectURL(new Blob([readFile(src)], { type: held.get(src).type }));
  if (/^(https?|data|blob):/.test(src)) return src.startsWith(phone.domain) ? src.replace(phone.domain, phone.service) : src;
  return `package/${src.replace(/^\//, "")}`;
}

/** A picture to draw; like every `src` of the build its own may be a path on the phone. */
export function createImage() {
  const image = new Image();
  const { get, set } = Object.getOwnPropertyDescriptor(HTMLImageElement.prototype, "src");
  Object.defineProperty(image, "src", { get, set: (src) => set.call(image, fileAddress(src)) });
  return image;
}

function decoded(bytes, encoding) {
  if (!encoding) return bytes;
  if (encoding === "base64") return base64Of(bytes);
  return new TextDecoder().decode(bytes);
}

function encoded(data, encoding) {
  if (typeof data !== "string") return data;
  return encoding === "base64" ? bytesOf(data) : new TextEncoder().encode(data).buffer;
}

function remove(path) {
  existing(path);
  held.delete(path);
  kept().delete(path);
}

/** The work of the file system, by the names of its functions; each has a second one that ends with Sync. */
const works = {
  readFile: ({ filePath, encoding }) => ({ data: decoded(readFile(filePath), encoding) }),
  writeFile({ filePath, data, encoding }) {
    if (!filePath.startsWith(USER)) throw new Failed("permission denied, open");
    if (!folders.has(filePath.slice(0, filePath.lastIndexOf("/")))) throw new Failed("no such file or directory");
    store(encoded(data, encoding), { path: filePath });
  },
  saveFile({ tempFilePath, filePath }) {
    const { bytes, type } = existing(tempFilePath);
    const savedFilePath = store(bytes, { path: filePath ?? `wxfile://store_${Date.now()}-${++count}`, type });
    held.delete(tempFilePath);
    return { savedFilePath };
  },
  copyFile: ({ srcPath, destPath }) => void store(readFile(srcPath), { path: destPath, type: held.get(srcPath).type }),
  unlink: ({ filePath }) => remove(filePath),
  removeSavedFile: ({ filePath }) => remove(filePath),
  access({ path }) {
    if (!held.has(path) && !folders.has(path)) throw new Failed(`no such file or directory, access '${path}'`);
  },
  stat({ path }) {
    const file = folders.has(path) ? null : existing(path);
    const { bytes, at = 0 } = file ?? {};
    const times = { lastModifiedTime: at, lastAccessedTime: at };
    return { stats: { size: bytes?.byteLength ?? 0, ...times, isFile: () => Boolean(file), isDirectory: () => !file } };
  },
  getFileInfo: ({ filePath }) => ({ size: readFile(filePath).byteLength }),
  mkdir: ({ dirPath }) => void folders.add(dirPath),
  readdir({ dirPath }) {
    if (!folders.has(dirPath)) throw new Failed(`no such file or directory, open '${dirPath}'`);
    const inside = [...held.keys(), ...folders].filter((path) => path.startsWith(`${dirPath}/`));
    return { files: [...new Set(inside.map((path) => path.slice(dirPath.length + 1).split("/")[0]))] };
  },
};

const SYNC = {
  readFileSync: (filePath, encoding) => works.readFile({ filePath, encoding }).data,
  writeFileSync: (filePath, data, encoding) => works.writeFile({ filePath, data, encoding }),
  saveFileSync: (tempFilePath, filePath) => works.saveFile({ tempFilePath, filePath }).savedFilePath,
  copyFileSync: (srcPath, destPath) => works.copyFile({ srcPath, destPath }),
  unlinkSync: (filePath) => works.unlink({ filePath }),
  accessSync: (path) => works.access({ path }),
  statSync: (path) => works.stat({ path }).stats,
  mkdirSync: (dirPath) => works.mkdir({ dirPath }),
  readdirSync: (dirPath) => works.readdir({ dirPath }).files,
};

export const files = {
  env: { USER_DATA_PATH: USER },
  getFileSystemManager: () => ({ ...apis(works), ...SYNC }),
  saveFile: apis(works).saveFile,
  getFileInfo: apis(works).getFileInfo,
  removeSavedFile: apis(works).removeSavedFile,
  arrayBufferToBase64: base64Of,
  base64ToArrayBuffer: bytesOf,
};
