import { fileURLToPath } from "node:url";

import { defineConfig } from "vitest/config";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** The rules and the queue without a screen: `tests/platform` stands for the phone where a browser would be needed. */
export default defineConfig({
  resolve: {
    alias: [
      { find: /^@platform\/(files|login|namespace|service)$/, replacement: `${here("tests/platform")}/$1` },
      { find: "@platform", replacement: here("src/platform/h5") },
      { find: "@", replacement: here("src") },
    ],
  },
  define: { __VERSION__: JSON.stringify("1.0.0") },
  test: { include: ["tests/**/*.test.ts"], setupFiles: ["tests/setup.ts"], restoreMocks: true },
});
