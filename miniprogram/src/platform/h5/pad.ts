/** The paper that a finger or a mouse writes on. */
import type { ComponentInternalInstance } from "vue";

import { type Brush, type Pad, paint, type Pen } from "@/core/ink";
import { jpeg } from "./camera";

const PICTURE_WIDTH = 800;
const QUALITY = 0.7;

/** Lay the paper into the element of class `paper` of a component, and tell the pen of what is written.
 *
 * A canvas of our own: uni-app's takes the browser's drawing functions over for all canvases of the page. */
export async function openPad(instance: ComponentInternalInstance | null, pen: Pen, resized: () => void): Promise<Pad> {
  const root = instance?.proxy?.$el as HTMLElement;
  const place = root.querySelector(".paper") as HTMLElement;
  const canvas = document.createElement("canvas");
  Object.assign(canvas.style, { display: "block", width: "100%", height: "100%", touchAction: "none" });
  place.replaceChildren(canvas);
  listen(canvas, pen);
  const watcher = typeof ResizeObserver === "undefined" ? null : new ResizeObserver(resized);
  watcher?.observe(canvas);
  return {
    show(strokes) {
      const ratio = window.devicePixelRatio || 1;
      const width = Math.round(canvas.clientWidth * ratio);
      const height = Math.round(canvas.clientHeight * ratio);
      if (canvas.width !== width) canvas.width = width;
      if (canvas.height !== height) canvas.height = height;
      paint(canvas.getContext("2d") as Brush, strokes, width, height);
    },
    async picture(strokes) {
      const sheet = document.createElement("canvas");
      sheet.width = PICTURE_WIDTH;
      sheet.height = Math.round((PICTURE_WIDTH * canvas.clientHeight) / canvas.clientWidth);
      paint(sheet.getContext("2d") as Brush, strokes, sheet.width, sheet.height);
      return jpeg(sheet, QUALITY);
    },
    // The canvas hears of them itself.
    touch: () => undefined,
    close() {
      watcher?.disconnect();
      canvas.remove();
    },
  };
}

function listen(canvas: HTMLCanvasElement, pen: Pen): void {
  let writing: number | null = null;
  const at = (event: PointerEvent, tell: (x: number, y: number) => void) => {
    const box = canvas.getBoundingClientRect();
    tell((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.width);
  };
  const down = (event: PointerEvent) => {
    // The ball of the hand touches as well; the first finger writes.
    if (writing !== null || event.button > 0) return;
    writing = event.pointerId;
    canvas.setPointerCapture(event.pointerId);
    event.preventDefault();
    at(event, pen.down);
  };
  const move = (event: PointerEvent) => {
    if (event.pointerId !== writing) return;
    // Quick strokes come as several dots in one event.
    const dots = event.getCoalescedEvents?.() ?? [];
    for (const dot of dots.length ? dots : [event]) at(dot, pen.move);
  };
  const up = (event: PointerEvent) => {
    if (event.pointerId !== writing) return;
    writing = null;
    pen.up();
  };
  // WeChat's page would follow a finger downwards in spite of `touch-action`.
  const hold = (event: TouchEvent) => event.preventDefault();
  canvas.addEventListener("pointerdown", down);
  canvas.addEventListener("pointermove", move);
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("touchmove", hold, { passive: false });
}
