const INTERVAL = 5_000

/** Calls `tick` every five seconds. Calls `wakeup` when the network is back, the page becomes visible, or the machine has slept.
 * Returns a function that stops both. */
export function watchWakeups(tick: () => void, wakeup: () => void): () => void {
  let last = Date.now()
  const interval = setInterval(() => {
    const elapsed = Date.now() - last
    last += elapsed
    if (elapsed > 3 * INTERVAL) wakeup() // timers do not run while the machine sleeps
    tick()
  }, INTERVAL)
  const visibilityChanged = () => {
    if (document.visibilityState === "visible") wakeup()
  }
  globalThis.addEventListener?.("online", wakeup)
  globalThis.document?.addEventListener("visibilitychange", visibilityChanged)
  return () => {
    clearInterval(interval)
    globalThis.removeEventListener?.("online", wakeup)
    globalThis.document?.removeEventListener("visibilitychange", visibilityChanged)
  }
}
