/** Keeps apart what several people's phones in one browser store: the simulator's phones share the browser's
 * storage, and carry their person's openid as the frame's name. */
export const NAMESPACE = window.name.startsWith("sim:") ? `${window.name}/` : "";

/** Several people may use one browser, one after the other. */
export const SHARED = true;
