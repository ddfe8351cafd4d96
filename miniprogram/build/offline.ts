/** Has the web pages open without signal: writes the service worker with the list of the build's files. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import type { Plugin } from "vite";

const WORKER = fileURLToPath(new URL("service-worker.js", import.meta.url));

export function offline(): Plugin {
  let folder = "";
  return {
    name: "offline",
    apply: "build",
    configResolved(config) {
      folder = config.build.outDir;
    },
    // uni-app writes some files past the bundle, so the folder itself is read, at the very end.
    closeBundle: {
      order: "post",
      sequential: true,
      handler() {
        const files = readdirSync(join(folder, "assets")).sort();
        const version = createHash("sha256").update(JSON.stringify(files)).update(readFileSync(join(folder, "index.html")));
        const source = readFileSync(WORKER, "utf-8")
          .replace('"VERSION"', JSON.stringify(version.digest("hex").slice(0, 16)))
          .replace('["FILES"]', JSON.stringify(files.map((name) => `assets/${name}`)));
        writeFileSync(join(folder, "sw.js"), source);
      },
    },
  };
}
