import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import plugin from "@dcloudio/vite-plugin-uni";
import { defineConfig } from "vite";

import { offline } from "./build/offline";
import { ownHosts } from "./build/ownHosts";

// The plugin is a CommonJS module whose default export stands one level deeper under Node's own loader.
const uni = (plugin as unknown as { default?: typeof plugin }).default ?? plugin;
const { version } = JSON.parse(readFileSync("package.json", "utf-8")) as { version: string };
const source = fileURLToPath(new URL("src", import.meta.url));
const platform = process.env.UNI_PLATFORM === "mp-weixin" ? "mp" : "h5";

/** What several pages use comes as one file: on a poor connection a round trip costs more than the bytes. */
function shared(id: string): string | undefined {
  return /\/src\/(api|core|parts|platform)\//.test(id) ? "shared" : undefined;
}

export default defineConfig({
  plugins: platform === "h5" ? [uni(), ownHosts(), offline()] : [uni(), ownHosts()],
  // What differs between the platforms stands twice under the same names, in `src/platform/h5` and `…/mp`.
  resolve: { alias: { "@platform": `${source}/platform/${platform}` } },
  define: { __VERSION__: JSON.stringify(version) },
  build: {
    target: "es2017",
    cssTarget: "chrome61",
    reportCompressedSize: false,
    rollupOptions: { output: platform === "h5" ? { manualChunks: shared } : {} },
  },
});
