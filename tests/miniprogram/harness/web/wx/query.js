/** Questions about where things are on a page: wx.createSelectorQuery. */
import { componentOf } from "../loader.js";
import { currentPages } from "../pages.js";

function told(element, fields) {
  if (!element) return null;
  const host = element.getBackendElement();
  const box = host.getBoundingClientRect();
  const { left, top, right, bottom, width, height } = box;
  const inner = host.wxPart?.inner;
  return {
    ...(fields.id && { id: element.id }),
    ...(fields.dataset && { dataset: element.dataset }),
    ...(fields.rect && { left, top, right, bottom }),
    ...(fields.size && { width, height }),
    ...(fields.scrollOffset && { scrollLeft: host.scrollLeft, scrollTop: host.scrollTop }),
    ...(fields.node && { node: inner ?? host }),
    ...(fields.context && { context: inner?.getContext?.("2d") }),
  };
}

const PAGE = {
  getBackendElement: () => document.scrollingElement,
  id: "",
  dataset: {},
};

class Nodes {
  constructor(query, find) {
    Object.assign(this, { query, find });
  }
  fields(fields, hear) {
    const { find } = this;
    this.query.asked.push(() => {
      const found = find();
      const answer = Array.isArray(found) ? found.map((one) => told(one, fields)) : told(found, fields);
      hear?.(answer);
      return answer;
    });
    return this.query;
  }
  boundingClientRect = (hear) => this.fields({ id: true, dataset: true, rect: true, size: true }, hear);
  scrollOffset = (hear) => this.fields({ id: true, dataset: true, scrollOffset: true }, hear);
  node = (hear) => this.fields({ node: true }, hear);
  context = (hear) => this.fields({ context: true }, hear);
}

class Query {
  asked = [];
  constructor(component) {
    this.component = component;
  }
  get tree() {
    return (this.component ?? currentPages().at(-1))._$.getShadowRoot();
  }
  in(component) {
    this.component = component?._$ ? component : componentOf(component?.__wxExparserNodeId__);
    return this;
  }
  select = (selector) => new Nodes(this, () => this.tree.querySelector(selector));
  selectAll = (selector) => new Nodes(this, () => this.tree.querySelectorAll(selector));
  selectViewport = () => new Nodes(this, () => PAGE);
  exec(hear) {
    const answers = this.asked.splice(0);
    // Elements that a change of data has just made are there after the next drawing.
    requestAnimationFrame(() => {
      const all = answers.map((answer) => answer());
      hear?.(all);
    });
    return this;
  }
}

export const queryIn = (component) => new Query(component);
export const query = { createSelectorQuery: () => new Query(null) };
