const LONGEST = 2 ** 31 - 1 // a longer timeout would fire at once

/** One thing that is due later: setting it anew forgets what was set. Milliseconds. */
export class Timer {
  #handle: ReturnType<typeof setTimeout> | undefined

  set(delay: number, due: () => void): void {
    this.clear()
    this.#handle = setTimeout(due, Math.min(delay, LONGEST))
  }

  clear(): void {
    clearTimeout(this.#handle)
  }
}
