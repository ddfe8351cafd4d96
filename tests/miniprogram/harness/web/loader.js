/** Loads the build's JavaScript as WeChat does: modules of its own, and one definition for each page and component. */
import { glassEasel, MiniProgramEnv } from "glass-easel-miniprogram-adapter";
import { json, scopes, scripts, styles, templates } from "build";

import { registerParts } from "./components/index.js";
import { currentPages, openFirst } from "./pages.js";
import { queryIn } from "./wx/query.js";
import { wx } from "./wx/index.js";

const env = new MiniProgramEnv();
const context = new glassEasel.CurrentWindowBackendContext();
export const backend = env.associateBackend(context);
export const space = env.createCodeSpace("main", true);

// What happens in the document happens to the components.
context.onEvent((target, type, detail, options) => {
  const event = new glassEasel.Event(type, detail, options);
  glassEasel.Event.dispatchEvent(target, event);
  return event.getEventBubbleStatus();
});
// A handler may be a function that the component got after it was defined; uni-app's are.
space.getComponentSpace().updateComponentOptions({ useMethodCallerListeners: true });
// uni-app gives a list its items after the first drawing, which glass-easel finds worth a warning.
glassEasel.addGlobalWarningListener((words) => !words.startsWith("The for-list data is neither"));

/** What an event tells of a component or box. */
const told = ({ id, dataset }) => ({ id, dataset: dataset ?? {} });

/** Touches with their place on the element besides that on the screen. */
function placed(touches, element) {
  const { left, top } = element.getBoundingClientRect();
  return Array.from(touches, ({ identifier, clientX, clientY }) => ({
    identifier, clientX, clientY, pageX: clientX + scrollX, pageY: clientY + scrollY, x: clientX - left, y: clientY - top,
  }));
}

// An event as WeChat shapes it: with its detail and its touches as properties of its own, and targets that
// are no components.
const wrap = glassEasel.Event.prototype.wrapShadowedEvent;
glassEasel.Event.prototype.wrapShadowedEvent = function (target, mark, currentTarget) {
  const { type, detail } = this;
  const { touches = [], changedTouches = [] } = detail ?? {};
  const element = (target._$ ?? target).getBackendElement();
  return Object.assign(wrap.call(this, target, mark, currentTarget), {
    type, detail,
    touches: touches.length ? placed(touches, element) : [],
    changedTouches: changedTouches.length ? placed(changedTouches, element) : [],
    target: told(target),
    currentTarget: told(currentTarget),
  });
};

for (const [path, config] of Object.entries(json)) {
  // uni-app's components let the page's classes in (addGlobalClass), which WeChat reads from the definition.
  const shared = config.component ? { styleIsolation: "apply-shared" } : {};
  space.addComponentStaticConfig(path, { ...config, usingComponents: absolute(path, config), ...shared });
  space.addStyleSheet(path, undefined, scopes[path]);
  if (templates[path]) space.addCompiledTemplate(path, { groupList: templates, content: templates[path] });
}
registerParts(space);

/** A style that stays in the document; a page's is there while the page is. */
export function styled(path) {
  const element = document.createElement("style");
  element.dataset.path = path;
  element.textContent = styles[path] ?? "";
  document.head.append(element);
  return element;
}
styled("app");
Object.keys(json).filter((path) => json[path].component).forEach(styled);

function resolve(from, path) {
  return new URL(path, `https://build/${from}`).pathname.slice(1);
}

function absolute(path, config) {
  const all = { ...json.app.usingComponents, ...config.usingComponents };
  return Object.fromEntries(
    Object.entries(all).map(([tag, where]) => [tag, `/${resolve(path, where)}`]),
  );
}

const modules = {};
let defining = "";
let app = null;
const global = {};

const components = [];
const unready = [];

/** The component that has this id. */
export const componentOf = (id) => components[id - 1];

/** Tell components that are new on the screen that they are, children before their parents. */
export function tellReady() {
  for (const component of unready.splice(0).reverse()) component._$.triggerLifetime("ready", []);
}

function Component(definition) {
  const { attached } = definition.lifetimes ?? {};
  definition.lifetimes = {
    ...definition.lifetimes,
    attached() {
      // uni-app hands a component on by this id alone.
      this.__wxExparserNodeId__ = String(components.push(this));
      attached?.call(this);
      if (unready.push(this) === 1) setTimeout(tellReady);
    },
  };
  definition.methods = {
    ...definition.methods,
    createSelectorQuery() {
      return queryIn(this);
    },
  };
  return space.component(defining).definition(definition).register();
}

function Page(definition) {
  return space.component(defining).pageDefinition(definition).register();
}

function App(definition) {
  app = definition;
}

const given = {
  wx, global, App, Page, Component,
  Behavior: (definition) => space.behavior().definition(definition).register(),
  getApp: () => app,
  getCurrentPages: currentPages,
};

/** Run a module once and return what it exports; `path` ends with .js. */
function load(path) {
  if (modules[path]) return modules[path].exports;
  if (!(path in scripts)) throw new Error(`the build has no ${path}`);
  const module = (modules[path] = { exports: {} });
  const names = ["require", "module", "exports", ...Object.keys(given)];
  const run = new Function(...names, `${scripts[path]}\n//# sourceURL=${path}`);
  const require = (wanted) => load(resolve(path, wanted.endsWith(".js") ? wanted : `${wanted}.js`));
  run(require, module, module.exports, ...Object.values(given));
  return module.exports;
}

/** Define a page or component and, before it, every component that it uses. */
export function define(path) {
  if (modules[`${path}.js`]) return;
  for (const used of Object.values(space.getComponentStaticConfig(path)?.usingComponents ?? {})) {
    define(used.slice(1));
  }
  defining = path;
  load(`${path}.js`);
}

/** Call one of the application's own hooks. */
export function tellApp(hook, ...args) {
  app[hook]?.(...args);
}

/** Start the mini program at a page. */
export function launch(path, query) {
  const first = path || json.app.pages[0];
  const options = { path: first, query: Object.fromEntries(new URLSearchParams(query)), scene: 1001, referrerInfo: {} };
  wx.getLaunchOptionsSync = wx.getEnterOptionsSync = () => options;
  load("app.js");
  tellApp("onLaunch", options);
  tellApp("onShow", options);
  openFirst(`/${first}${query && `?${query}`}`);
}
