/** The pages of one browser in one process: Web Locks, and pages that crash. */

import { AsyncLocalStorage } from "node:async_hooks"
import { setMaxListeners } from "node:events"

setMaxListeners(0) // one tab may watch many

class Page {
  readonly ports: BroadcastChannel[] = []
}

const current = new AsyncLocalStorage<Page>()
const RealBroadcastChannel = globalThis.BroadcastChannel

/** A BroadcastChannel that is recorded in the page that opens it. */
export class PageBroadcastChannel extends RealBroadcastChannel {
  constructor(name: string) {
    super(name)
    current.getStore()?.ports.push(this)
  }
}

/** Exclusive Web Locks, granted in the order of the requests. */
export class Locks {
  readonly #tails = new Map<string, Promise<unknown>>()

  async request(name: string, ...rest: [{ signal?: AbortSignal }, () => unknown]): Promise<unknown> {
    const [{ signal }, callback] = rest
    const before = this.#tails.get(name)
    let release = (): void => {}
    this.#tails.set(name, Promise.allSettled([before, new Promise<void>((resolve) => (release = resolve))]))
    const aborted = new Promise<never>((_, reject) => {
      if (signal?.aborted) reject(signal.reason)
      signal?.addEventListener("abort", () => reject(signal.reason))
    })
    try {
      await Promise.race([before, aborted])
      return await callback()
    } finally {
      release()
    }
  }
}

/** Runs the callback as a page. Returns a function that cuts the page off: it neither sends nor receives messages any more. */
export function runAsPage(callback: () => void): () => void {
  const page = new Page()
  current.run(page, callback)
  return () => {
    for (const port of page.ports) {
      port.onmessage = null
      port.postMessage = () => {}
    }
  }
}
