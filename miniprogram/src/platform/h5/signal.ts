/**
 * Call back each time that there is signal again; the result ends that.
 *
 * The window tells of it in every browser. uni-app listens to `navigator.connection` where there is one, which
 * stays silent when the line that comes back is of the same kind.
 */
export function whenSignal(call: () => void): () => void {
  window.addEventListener("online", call);
  return () => window.removeEventListener("online", call);
}
