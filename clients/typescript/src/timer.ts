const LONGEST = 2 ** 31 - 1 // setTimeout fires at once for anything longer

/** One timeout. Setting it again replaces the one before. Delays are in milliseconds. */
export class Timer {
  #handle: ReturnType<typeof setTimeout> | undefined

  set(delay: number, callback: () => void): void {
    this.clear()
    this.#handle = setTimeout(callback, Math.min(delay, LONGEST))
  }

  clear(): void {
    clearTimeout(this.#handle)
  }
}
