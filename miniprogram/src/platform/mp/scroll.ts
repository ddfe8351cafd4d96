/** Scrolling to a part of the page. */

/** Have the element with this id in view; it stands in a component below the page's element `.parts`, into which
 * a mini program looks only when it is told to. */
export function scrollTo(id: string): void {
  uni.pageScrollTo({ selector: `.parts >>> #${id}`, duration: 200, fail: () => undefined });
}
