/** What a finger writes: strokes of points, and drawing them so that they look like handwriting.
 *
 * All measures are parts of the pad's width, so that a signature survives another size of the pad. */

export interface Dot {
  x: number;
  y: number;
}
export type Stroke = Dot[];

/** What drawing needs of a canvas, in the browser and in WeChat. */
export type Brush = Pick<
  CanvasRenderingContext2D,
  "fillStyle" | "strokeStyle" | "lineWidth" | "lineCap" | "lineJoin" | "fillRect" | "beginPath" | "moveTo" | "lineTo" | "quadraticCurveTo" | "stroke"
>;

/** What writes: told where the finger goes. */
export interface Pen {
  down(x: number, y: number): void;
  move(x: number, y: number): void;
  up(): void;
}

/** What is written on. */
export interface Pad {
  show(strokes: Stroke[]): void;
  /** The strokes as a small JPEG on white paper. */
  picture(strokes: Stroke[]): Promise<ArrayBuffer>;
  /** A touch that the page was told of. */
  touch(kind: keyof Pen, event: unknown): void;
  close(): void;
}

const INK = "#10151c";
const PAPER = "#fff";
/** A pen's width as part of the pad's. */
const PEN = 0.012;
/** All strokes together are at least this long; less is a dot or a slip. */
const SHORTEST = 0.25;

export function isSignature(strokes: Stroke[]): boolean {
  return strokes.reduce((sum, stroke) => sum + lengthOf(stroke), 0) >= SHORTEST;
}

function lengthOf(stroke: Stroke): number {
  let sum = 0;
  stroke.forEach((dot, at) => {
    const before = stroke[at - 1];
    if (before) sum += Math.hypot(dot.x - before.x, dot.y - before.y);
  });
  return sum;
}

/** Draw strokes on white paper of this size in pixels. */
export function paint(brush: Brush, strokes: Stroke[], width: number, height: number): void {
  brush.fillStyle = PAPER;
  brush.fillRect(0, 0, width, height);
  for (const stroke of strokes) line(brush, stroke, width);
}

/** One stroke: through the middles between its dots, bent at the dots. */
function line(brush: Brush, stroke: Stroke, width: number): void {
  const first = stroke[0];
  if (!first) return;
  brush.strokeStyle = INK;
  brush.lineWidth = width * PEN;
  brush.lineCap = brush.lineJoin = "round";
  brush.beginPath();
  brush.moveTo(first.x * width, first.y * width);
  stroke.forEach((dot, at) => {
    const next = stroke[at + 1] ?? dot;
    brush.quadraticCurveTo(dot.x * width, dot.y * width, ((dot.x + next.x) / 2) * width, ((dot.y + next.y) / 2) * width);
  });
  brush.stroke();
}
