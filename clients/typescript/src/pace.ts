const A_SECOND = 50 // half of what a server admits: pings, tokens and refreshes have their share
const AT_ONCE = 100

/** How fast frames may go out, so that a server never has to refuse one as `rate_limited`. */
export class Pace {
  #debt = 0
  #paid = 0

  /** Counts frames that go out now. Returns the milliseconds for which nothing should follow them. */
  spend(frames: number): number {
    const now = performance.now()
    this.#debt = Math.max(0, this.#debt - ((now - this.#paid) * A_SECOND) / 1_000) + frames
    this.#paid = now
    return (Math.max(0, this.#debt - AT_ONCE) * 1_000) / A_SECOND
  }
}
