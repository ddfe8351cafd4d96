// What holds for every page of the phone, whatever it shows: letters of at least 17 px, targets of at least 48.
() => {
  const visible = (one) => one.checkVisibility({ visibilityProperty: true }) && one.getClientRects().length > 0;
  const wrong = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const words = walker.currentNode.textContent.trim();
    const around = walker.currentNode.parentElement;
    if (!words || /^(SCRIPT|STYLE)$/.test(around.tagName) || !visible(around)) continue;
    const size = parseFloat(getComputedStyle(around).fontSize);
    if (size < 17) wrong.push(`${size} px: ${words.slice(0, 40)}`);
  }
  for (const one of document.querySelectorAll("[role=button], [role=checkbox], [role=radio], [role=link], a, input")) {
    // A field is pressed with the box around it.
    const { width, height } = (one.tagName === "INPUT" ? one.closest(".box") ?? one : one).getBoundingClientRect();
    if (visible(one) && (height < 47.5 || width < 47.5)) {
      wrong.push(`${Math.round(width)}×${Math.round(height)}: ${one.textContent.trim().slice(0, 40)}`);
    }
  }
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth > clientWidth) wrong.push(`${scrollWidth} px wide`);
  return wrong;
}
