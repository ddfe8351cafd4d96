/** Call back each time that there is signal again; the result ends that. */
export function whenSignal(call: () => void): () => void {
  function heard({ isConnected }: { isConnected: boolean }): void {
    if (isConnected) call();
  }
  uni.onNetworkStatusChange(heard);
  return () => uni.offNetworkStatusChange(heard);
}
