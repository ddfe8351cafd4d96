import { createSSRApp } from "vue";

import App from "./App.vue";

/** uni-app asks for a new application on both platforms. */
export function createApp() {
  return { app: createSSRApp(App) };
}
