/** Scrolling to a part of the page. */

/** Have the element with this id in view, also where it stands in a component of the page. */
export function scrollTo(id: string): void {
  uni.pageScrollTo({ selector: `#${id}`, duration: 200, fail: () => undefined });
}
