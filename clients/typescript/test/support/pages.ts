/** Pages of one browser, in one process: Web Locks, and a way for a page to go without a word. */

import { AsyncLocalStorage } from "node:async_hooks"
import { setMaxListeners } from "node:events"

setMaxListeners(0) // one tab may watch many

class Page {
  readonly ports: BroadcastChannel[] = []
}

const current = new AsyncLocalStorage<Page>()
const RealChannel = globalThis.BroadcastChannel

class PagedChannel extends RealChannel {
  constructor(name: string) {
    super(name)
    current.getStore()?.ports.push(this)
  }
}

/** Exclusive locks, handed on in the order they were asked for. */
export class Locks {
  readonly #tails = new Map<string, Promise<unknown>>()

  async request(name: string, ...rest: [{ signal?: AbortSignal }, () => unknown]): Promise<unknown> {
    const [{ signal }, held] = rest
    const before = this.#tails.get(name)
    let release = (): void => {}
    this.#tails.set(name, Promise.allSettled([before, new Promise<void>((resolve) => (release = resolve))]))
    const given_up = new Promise<never>((_, reject) => {
      if (signal?.aborted) reject(signal.reason)
      signal?.addEventListener("abort", () => reject(signal.reason))
    })
    try {
      await Promise.race([before, given_up])
      return await held()
    } finally {
      release()
    }
  }
}

/** What happens inside belongs to one page. Returns what makes it deaf and dumb, as a page is that has crashed. */
export function page(inside: () => void): () => void {
  const one = new Page()
  current.run(one, inside)
  return () => {
    for (const port of one.ports) {
      port.onmessage = null
      port.postMessage = () => {}
    }
  }
}

export const browser = { BroadcastChannel: PagedChannel, navigator: { locks: new Locks() } }
