/** Taking or choosing photos, and making them small. */
import { shrunk, type Sketch, UNREADABLE } from "@/core/shrink";
import { Trouble } from "@/core/trouble";

/** A photo as it was chosen. */
export type Source = File;

/** Ask for photos; none when the person thought better of it. Call it when a button is pressed: browsers open
 * their chooser for nobody else. */
export function choosePhotos(most: number): Promise<Source[]> {
  return new Promise((resolve) => {
    const input = document.createElement("input");
    const end = (chosen: Source[]) => {
      input.remove();
      resolve(chosen);
    };
    input.type = "file";
    input.accept = "image/*";
    input.multiple = most > 1;
    input.hidden = true;
    input.addEventListener("change", () => end(Array.from(input.files ?? [])));
    input.addEventListener("cancel", () => end([]));
    // Older browsers do not tell that their chooser was closed; whoever touches the page again sees it.
    if (!("oncancel" in input)) window.addEventListener("pointerdown", () => end([]), { once: true });
    // Some browsers forget an input that is in no document.
    document.body.append(input);
    input.click();
  });
}

/** The photo as a JPEG of at most so many bytes, upright, without anything but its pixels. Raises `Trouble`. */
export async function compress(source: Source, most: number): Promise<ArrayBuffer> {
  const address = URL.createObjectURL(source);
  const canvas = document.createElement("canvas");
  const image = new Image();
  try {
    await opened(image, address);
    const sketch: Sketch = {
      width: image.naturalWidth,
      height: image.naturalHeight,
      draw: async (width, height, quality) => {
        if (canvas.width !== width || canvas.height !== height) paint(canvas, image, width, height);
        return jpeg(canvas, quality);
      },
    };
    return await shrunk(sketch, most);
  } finally {
    // Phones keep the pixels until they are told otherwise.
    canvas.width = canvas.height = 0;
    image.src = "";
    URL.revokeObjectURL(address);
  }
}

function opened(image: HTMLImageElement, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    image.onload = () => resolve();
    image.onerror = () => reject(new Trouble(UNREADABLE));
    image.src = address;
  });
}

function paint(canvas: HTMLCanvasElement, image: HTMLImageElement, width: number, height: number): void {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  if (!context) throw new Trouble(UNREADABLE);
  // What is see-through in a PNG is paper.
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(image, 0, 0, width, height);
}

/** The canvas as a JPEG. */
export function jpeg(canvas: HTMLCanvasElement, quality: number): Promise<ArrayBuffer> {
  return new Promise((resolve, reject) => {
    canvas.toBlob(
      (blob) => {
        if (blob) resolve(new Response(blob).arrayBuffer());
        else reject(new Trouble(UNREADABLE));
      },
      "image/jpeg",
      quality,
    );
  });
}
