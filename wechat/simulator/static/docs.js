// Every command can be copied with one press.

const SAID_MS = 1600;

for (const figure of document.querySelectorAll(".command")) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "复制";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(figure.querySelector("code").textContent);
      button.textContent = "已复制";
    } catch {
      button.textContent = "请手动选择复制";
    }
    setTimeout(() => { button.textContent = "复制"; }, SAID_MS);
  });
  figure.querySelector("figcaption").append(button);
}
