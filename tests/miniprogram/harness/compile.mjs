/**
 * Reads a mini-program build and writes one script that carries all of it into a browser.
 *
 *   node compile.mjs BUILD OUT.js
 *
 * WXML goes through the official compiler (which must accept it) and then through glass-easel's, WXSS through
 * the official one. JavaScript and JSON are carried over letter by letter. Nothing is written into BUILD.
 */
import { spawnSync } from "node:child_process";
import { accessSync, chmodSync, constants, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { runInNewContext } from "node:vm";

import { KNOWN, SYNTAX } from "./web/tags.js";

const { TmplGroup } = createRequire(import.meta.url)("glass-easel-template-compiler");
const here = dirname(fileURLToPath(import.meta.url));
const SCREEN_PX = 390;
const DESIGN_RPX = 750;

const [build, out] = process.argv.slice(2);
const files = readdirSync(build, { recursive: true }).map((path) => path.replaceAll("\\", "/"));
const ending = (end) => files.filter((path) => path.endsWith(end)).sort();
const read = (path) => readFileSync(join(build, path), "utf-8");
const faults = [];

/** Run one of the official compilers; what it complains about is a fault of the build. */
function official(name, args) {
  const path = join(here, "node_modules/miniprogram-compiler/bin/linux", name);
  try {
    accessSync(path, constants.X_OK);
  } catch {
    // The package carries the programs without their run bit.
    chmodSync(path, 0o755);
  }
  const { status, stdout, stderr, error } = spawnSync(path, args, { cwd: build, maxBuffer: 1 << 28 });
  if (error) throw error;
  // wcsc ends with 0 whatever it finds; its complaints begin with ERR.
  const said = `${stderr}\n${stdout}`.split("\n").filter((line) => line.startsWith("ERR") || /^\S+:\d+:\d+:/.test(line));
  if (status !== 0 || said.length) faults.push(`${name}: ${said.join("; ") || stderr.toString().trim()}`);
  return stdout.toString();
}

const json = Object.fromEntries(ending(".json").map((path) => [path.slice(0, -5), JSON.parse(read(path))]));
const isComponent = (path) => json[path]?.component === true;
/** Classes of a component's own style carry this, so that they reach no other component. */
const scopeOf = (path) => (isComponent(path) ? path.replaceAll("/", "_") : "");

/** Have the official compiler's output make the style sheet, at this screen's width. */
function styleOf(path) {
  // The line "%s" is where the compiler itself would put sheets shared between files; it inlines them here.
  const made = official("wcsc", ["-lc", "-js", `${path}.wxss`, ...ending(".wxss").filter((one) => one !== `${path}.wxss`)])
    .replace("\n%s\n", "\n");
  let css = "";
  const window = {
    screen: { width: SCREEN_PX },
    devicePixelRatio: 2,
    __transformRpx__: (rpx) => (rpx * SCREEN_PX) / DESIGN_RPX,
    __styleSheetManager2__: { addItem() {}, setCss: (_, text) => (css = text) },
  };
  const scope = scopeOf(path);
  const context = { window, navigator: { userAgent: "" }, console, __wxAppSuffixCode__: scope && `${scope}--` };
  runInNewContext(made, context);
  return css;
}

const EXPRESSION_OR_TAG = /\{\{.*?\}\}|<(\/?)([a-z][\w-]*)((?:"[^"]*"|'[^']*'|[^>"'])*)/gs;
const OLD_BINDING = /(\s(?:capture-)?(?:bind|catch))(?=[a-zA-Z]\w*=)/g;

/** Built-in tags become wx-…, as in WeChat and in the style sheets of its compiler; bindtap becomes bind:tap. */
function withBuiltIns(path) {
  const own = { ...json.app.usingComponents, ...json[path]?.usingComponents };
  return read(`${path}.wxml`).replace(EXPRESSION_OR_TAG, (all, slash, tag, attributes) => {
    if (tag === undefined || SYNTAX.includes(tag)) return all;
    if (!(tag in own || KNOWN.has(tag))) faults.push(`${path}.wxml: the harness has no <${tag}>`);
    return `<${slash}${tag in own ? "" : "wx-"}${tag}${attributes.replace(OLD_BINDING, "$1:")}`;
  });
}

const wxml = ending(".wxml");
official("wcc", ["-d", "-cc", "0", ...wxml, ...ending(".wxs"), "-gn", "$gwx"]);
const templates = new TmplGroup();
for (const path of ending(".wxs")) templates.addScript(path.slice(0, -4), read(path));
for (const file of wxml) {
  const path = file.slice(0, -5);
  for (const fault of templates.addTmpl(path, withBuiltIns(path))) {
    faults.push(`${file}:${fault.startLine + 1}: ${fault.message}`);
  }
}
const styles = Object.fromEntries(ending(".wxss").map((file) => [file.slice(0, -5), styleOf(file.slice(0, -5))]));
if (faults.length) {
  console.error([...new Set(faults)].join("\n"));
  process.exit(1);
}

const scopes = Object.fromEntries(Object.keys(json).map((path) => [path, scopeOf(path)]));
const scripts = Object.fromEntries(ending(".js").map((path) => [path, read(path)]));
const carried = Object.entries({ json, styles, scopes, scripts });
writeFileSync(
  out,
  [
    ...carried.map(([name, value]) => `export const ${name} = ${JSON.stringify(value)};`),
    `export const templates = ${templates.getTmplGenObjectGroups()};`,
  ].join("\n"),
);
