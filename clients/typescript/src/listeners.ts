export type Unsubscribe = () => void

function complain(error: unknown): void {
  console.error("[broadcast] a handler failed:", error)
}

/** Handlers of one thing, called in the order they came. One that throws, or whose promise fails, harms no other. */
export class Listeners<Args extends unknown[]> {
  readonly #all = new Set<{ handle: (...args: Args) => unknown }>()

  get size(): number {
    return this.#all.size
  }

  /** The same function may be added twice; what is returned removes this one alone. */
  add(handle: (...args: Args) => unknown): Unsubscribe {
    const own = { handle }
    this.#all.add(own)
    return () => void this.#all.delete(own)
  }

  call(...args: Args): void {
    for (const own of Array.from(this.#all)) {
      if (!this.#all.has(own)) continue // removed by one before it
      try {
        const result = own.handle(...args)
        if (result instanceof Promise) result.catch(complain)
      } catch (error) {
        complain(error)
      }
    }
  }
}
