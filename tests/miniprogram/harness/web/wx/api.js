/** How the functions of `wx` answer: by callbacks where some are given, by a promise otherwise. */

/** An error with the words that stand behind `fail` in errMsg. */
export class Failed extends Error {
  constructor(message, more = {}) {
    super(message);
    this.more = more;
  }
}

/** Make a function of `wx` from a name and the work that returns its result or throws. */
export function api(name, work) {
  return (options = {}) => {
    const answer = (async () => work(options))().then(
      (result) => ({ errMsg: `${name}:ok`, ...result }),
      (error) => Promise.reject({ errMsg: `${name}:fail ${error.message}`, ...error.more }),
    );
    const { success, fail, complete } = options;
    if (!success && !fail && !complete) return answer;
    answer.then(
      (result) => (success?.(result), complete?.(result)),
      (error) => (fail?.(error), complete?.(error)),
    );
    return undefined;
  };
}

/** Functions of `wx` by their names. */
export const apis = (works) => Object.fromEntries(Object.entries(works).map(([name, work]) => [name, api(name, work)]));

const hearing = {};

/** A pair of functions, `on…` and `off…`, for an event. */
export function event(name) {
  hearing[name] = new Set();
  return {
    [`on${name}`]: (hear) => void hearing[name].add(hear),
    [`off${name}`]: (hear) => (hear ? hearing[name].delete(hear) : hearing[name].clear()),
  };
}

/** Tell all who hear an event; false when nobody does. */
export function tell(name, ...args) {
  [...hearing[name]].forEach((hear) => hear(...args));
  return hearing[name].size > 0;
}
