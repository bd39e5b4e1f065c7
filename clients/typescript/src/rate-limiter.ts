const PER_SECOND = 50 // half of the server's default limit: pings, tokens and refreshes are not counted here
const BURST = 100

/** Limits how fast frames are sent, so that a server with default limits never answers `rate_limited`. */
export class RateLimiter {
  #debt = 0
  #updated = 0

  /** Records frames that are sent now. Returns the milliseconds to wait before the next one. */
  spend(frames: number): number {
    const now = performance.now()
    this.#debt = Math.max(0, this.#debt - ((now - this.#updated) * PER_SECOND) / 1_000) + frames
    this.#updated = now
    return (Math.max(0, this.#debt - BURST) * 1_000) / PER_SECOND
  }
}
