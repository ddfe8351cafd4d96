/** What a browser needs once, when the pages start. */
export function prepare(): void {
  // uni-app's views are no native buttons; the keyboard presses them all the same.
  document.addEventListener("keydown", (event) => {
    const pressed = event.target as HTMLElement;
    const role = pressed.getAttribute("role") ?? "";
    if ((event.key === "Enter" || event.key === " ") && /^(button|checkbox|radio|link)$/.test(role)) {
      event.preventDefault();
      pressed.click();
    }
  });
  if (import.meta.env.PROD && "serviceWorker" in navigator) {
    // The pages then open without signal too. Where the browser refuses, they only need the network.
    navigator.serviceWorker.register("/m/sw.js", { scope: "/m/" }).catch(() => undefined);
  }
}

/** Begin anew at a page, with nothing in memory of what was open before. */
export function restart(page: string): void {
  window.location.replace(`/m/${page.replace(/^\//, "")}`);
}
