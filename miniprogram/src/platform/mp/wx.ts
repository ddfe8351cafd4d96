/** WeChat's callbacks as promises. */

/** What WeChat says when a call fails. */
export interface Failure {
  errMsg: string;
}

interface Callbacks<T> {
  success: (answer: T) => void;
  fail: (failure: Failure) => void;
}

/** One call: `asked((done) => uni.x({ …, ...done }))`; raises `Failure`. */
export function asked<T>(call: (done: Callbacks<T>) => unknown): Promise<T> {
  return new Promise((success, fail) => {
    call({ success, fail });
  });
}
