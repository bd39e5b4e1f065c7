/** Puts work off by a random time, so that many clients do not all fetch at the same moment. No React. */

import { Timer } from "../timer.js"

/** Collects work and does all of it together, at a random moment within so many milliseconds of the first. */
export class Spread {
  readonly #timer = new Timer()
  #waiting: (() => void)[] = []

  /** Does it at once where `within` is 0. */
  add(within: number, work: () => void): void {
    if (within === 0) return work()
    if (this.#waiting.push(work) === 1) this.#timer.set(Math.random() * within, () => this.flush())
  }

  /** Does everything that waits. */
  readonly flush = (): void => {
    this.#timer.clear()
    for (const work of this.#waiting.splice(0)) work()
  }
}
