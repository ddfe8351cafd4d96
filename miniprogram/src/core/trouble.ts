/** Something that went wrong on the phone itself, in words for its owner. */
export class Trouble extends Error {
  /** @param title A sentence that says what to do. */
  constructor(readonly title: string) {
    super(title);
  }
}
