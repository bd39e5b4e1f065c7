const TICK = 5_000

/** Calls `tick` every five seconds, and `wake` when the machine or the network is back or somebody looks at the page again.
 * Returns what ends it. */
export function watch(tick: () => void, wake: () => void): () => void {
  let last = Date.now()
  const ticking = setInterval(() => {
    const passed = Date.now() - last
    last += passed
    if (passed > 3 * TICK) wake() // timers stand still while a machine sleeps
    tick()
  }, TICK)
  const shown = () => {
    if (document.visibilityState === "visible") wake()
  }
  globalThis.addEventListener?.("online", wake)
  globalThis.document?.addEventListener("visibilitychange", shown)
  return () => {
    clearInterval(ticking)
    globalThis.removeEventListener?.("online", wake)
    globalThis.document?.removeEventListener("visibilitychange", shown)
  }
}
