/** Removes one handler. Calling it again does nothing. */
export type Unsubscribe = () => void

function logFailure(error: unknown): void {
  console.error("[broadcast] a handler failed:", error)
}

/** Handlers of one event, called in the order they were added. A handler that throws, or whose promise rejects, is logged and
 * does not affect the others. */
export class Listeners<Args extends unknown[]> {
  readonly #all = new Set<{ handler: (...args: Args) => unknown }>()

  get size(): number {
    return this.#all.size
  }

  /** The same function may be added twice; each result removes one of them. */
  add(handler: (...args: Args) => unknown): Unsubscribe {
    if (typeof handler !== "function") throw new TypeError(`a handler is a function, not ${handler}`)
    const listener = { handler }
    this.#all.add(listener)
    return () => void this.#all.delete(listener)
  }

  call(...args: Args): void {
    for (const listener of Array.from(this.#all)) {
      if (!this.#all.has(listener)) continue // removed by a handler before it
      try {
        const result = listener.handler(...args)
        if (result instanceof Promise) result.catch(logFailure)
      } catch (error) {
        logFailure(error)
      }
    }
  }
}
