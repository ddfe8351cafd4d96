/** Going from page to page, by name. */

const PAGES = {
  home: "home/home",
  report: "report/report",
  reports: "reports/reports",
  one: "reports/one",
  add: "reports/add",
  tasks: "tasks/tasks",
  task: "tasks/one",
  verify: "tasks/verify",
  inbox: "inbox/inbox",
  waiting: "waiting/waiting",
  held: "held/held",
  bind: "bind/bind",
} as const;

export type PageName = keyof typeof PAGES;

export function addressOf(name: PageName, query: Record<string, string> = {}): string {
  const pairs = Object.entries(query).map(([key, value]) => `${key}=${encodeURIComponent(value)}`);
  return `/pages/${PAGES[name]}${pairs.length ? `?${pairs.join("&")}` : ""}`;
}

export function open(name: PageName, query: Record<string, string> = {}): void {
  // Ten pages may lie upon each other in a mini program; the eleventh takes the place of the last.
  const go = getCurrentPages().length >= 9 ? uni.redirectTo : uni.navigateTo;
  go({ url: addressOf(name, query) });
}

/** Take this page's place, so that 返回 does not lead back to it. */
export function replace(name: PageName, query: Record<string, string> = {}): void {
  uni.redirectTo({ url: addressOf(name, query) });
}

/** The address of the page that is shown. */
export function here(): string {
  const pages = getCurrentPages() as { route?: string; $page?: { fullPath?: string } }[];
  const page = pages[pages.length - 1];
  return page?.$page?.fullPath ?? page?.route ?? "";
}

/** Back to a page that lies below this one; where there is none, it takes this one's place. */
export function backTo(name: PageName): void {
  const below = getCurrentPages().map((page) => `/${page.route}`);
  const at = below.lastIndexOf(addressOf(name));
  if (at >= 0) uni.navigateBack({ delta: below.length - 1 - at });
  else replace(name);
}

/** Back to where one came from; whoever came by a message goes to the first page. */
export function goBack(): void {
  if (getCurrentPages().length > 1) uni.navigateBack();
  else uni.reLaunch({ url: addressOf("home") });
}
