/** The paper that a finger writes on. */
import { type ComponentInternalInstance, nextTick, watch } from "vue";

import { type Brush, type Pad, paint, type Pen } from "@/core/ink";
import { look } from "@/core/look";
import { Trouble } from "@/core/trouble";
import { jpeg } from "./camera";

const QUALITY = 0.7;
/** Wide enough to be read, small enough to send; pixels of the screen beyond that are not needed. */
const RATIO_MOST = 2;

interface Found {
  node: { width: number; height: number; getContext(kind: "2d"): Brush };
  width: number;
  height: number;
}
interface Touched {
  touches: { x: number; y: number }[];
}

/** Open the canvas of class `ink` of a component. `resized` is called when its strokes have to be shown anew. */
export async function openPad(instance: ComponentInternalInstance | null, pen: Pen, resized: () => void): Promise<Pad> {
  let paper = await fitted(instance);
  const stop = watch(
    () => look.large,
    async () => {
      await nextTick();
      paper = await fitted(instance);
      resized();
    },
  );
  return {
    show: (strokes) => paint(paper.node.getContext("2d"), strokes, paper.node.width, paper.node.height),
    async picture(strokes) {
      paint(paper.node.getContext("2d"), strokes, paper.node.width, paper.node.height);
      return jpeg(paper.node, QUALITY);
    },
    touch(kind, event) {
      const dot = (event as Touched).touches[0];
      if (kind === "up") pen.up();
      else if (dot) pen[kind](dot.x / paper.width, dot.y / paper.width);
    },
    close: stop,
  };
}

/** The canvas with as many pixels as the screen shows. */
async function fitted(instance: ComponentInternalInstance | null): Promise<Found> {
  const found = await new Promise<Found | null>((resolve) => {
    const query = uni.createSelectorQuery().in(instance?.proxy);
    query.select(".ink").fields({ node: true, size: true }, () => undefined);
    query.exec(([first]: (Found | null)[]) => resolve(first ?? null));
  });
  if (!found?.node) throw new Trouble("签名框没有打开，请返回上一页，再进来签名。");
  const ratio = Math.min(RATIO_MOST, uni.getSystemInfoSync().pixelRatio || 1);
  found.node.width = Math.round(found.width * ratio);
  found.node.height = Math.round(found.height * ratio);
  return found;
}
