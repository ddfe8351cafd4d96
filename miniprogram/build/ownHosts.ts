/** Nothing of the build may load from another host: uni-app's style sheet would fetch a picture of a shadow. */
import type { Plugin } from "vite";

const FOREIGN = /url\(["']?https?:[^)]*\)/g;

export function ownHosts(): Plugin {
  return {
    name: "own-hosts",
    apply: "build",
    enforce: "post",
    generateBundle(_options, bundle) {
      for (const file of Object.values(bundle)) {
        if (file.type === "asset" && file.fileName.endsWith(".css")) {
          file.source = String(file.source).replace(FOREIGN, "none");
        }
      }
    },
  };
}
