/** Consent to be told in WeChat how things go on: one consent is good for one notice, and is asked at a press. */

/** Call it inside the press itself, and go on when the person has answered, whatever it was. */
export function askForNotices(templates: string[]): Promise<void> {
  if (!templates.length) return Promise.resolve();
  return new Promise((resolve) => {
    uni.requestSubscribeMessage({ tmplIds: templates, complete: () => resolve() });
  });
}
