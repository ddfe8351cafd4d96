/** Consent to be told in WeChat how things go on: followers of the account need to give none. */

export function askForNotices(_templates: string[]): Promise<void> {
  return Promise.resolve();
}
