/** The pages of one browser in one process: Web Locks, and pages that crash. */

import { AsyncLocalStorage } from "node:async_hooks"
import { setMaxListeners } from "node:events"

setMaxListeners(0) // one tab may watch many

/** A page whose messages can be held back in both directions, as those of a page that is blocked by a dialog. */
export class Page {
  #blocked = false
  #held: (() => void)[] = []

  /** Handles or sends a message, or holds it back. */
  pass(message: () => void): void {
    if (this.#blocked) this.#held.push(message)
    else message()
  }

  block(): void {
    this.#blocked = true
  }

  /** Handles and sends what was held back, in order. */
  unblock(): void {
    this.#blocked = false
    for (const message of this.#held.splice(0)) message()
  }

  /** Runs the callback in this page. */
  run(callback: () => void): void {
    current.run(this, callback)
  }
}

const current = new AsyncLocalStorage<Page>()
const RealBroadcastChannel = globalThis.BroadcastChannel

/** A BroadcastChannel of the page that opens it. */
export class PageBroadcastChannel {
  readonly #channel: BroadcastChannel
  readonly #page = current.getStore()
  onmessage: ((event: MessageEvent) => void) | null = null

  constructor(name: string) {
    this.#channel = new RealBroadcastChannel(name)
    this.#channel.onmessage = (event) => this.#pass(() => this.onmessage?.(event))
  }

  postMessage(message: unknown): void {
    this.#pass(() => this.#channel.postMessage(message))
  }

  close(): void {
    this.onmessage = null
    this.#pass(() => this.#channel.close())
  }

  #pass(message: () => void): void {
    if (this.#page) this.#page.pass(message)
    else message()
  }
}

interface Options {
  signal?: AbortSignal
  steal?: boolean
  ifAvailable?: boolean
}

interface Holder {
  lose: () => void
}

/** Exclusive Web Locks, granted in the order of the requests. */
export class Locks {
  readonly #holders = new Map<string, Holder>()
  readonly #queues = new Map<string, Set<() => void>>()

  async request(name: string, options: Options, callback: (lock: object | null) => unknown): Promise<unknown> {
    const held = this.#holders.get(name)
    if (held && options.ifAvailable) return callback(null)
    if (held && !options.steal) await this.#turn(name, options.signal)
    else options.signal?.throwIfAborted()
    if (options.steal) held?.lose()
    const holder: Holder = { lose: () => {} }
    this.#holders.set(name, holder)
    const stolen = new Promise<never>((_, reject) => (holder.lose = () => reject(new DOMException("stolen", "AbortError"))))
    try {
      return await Promise.race([callback({ name }), stolen])
    } finally {
      if (this.#holders.get(name) === holder) this.#release(name)
    }
  }

  #turn(name: string, signal: AbortSignal | undefined): Promise<void> {
    const queue = this.#queues.get(name) ?? new Set()
    this.#queues.set(name, queue)
    return new Promise((resolve, reject) => {
      queue.add(resolve)
      signal?.addEventListener("abort", () => queue.delete(resolve) && reject(signal.reason))
    })
  }

  /** The next request in the queue gets the lock. Until it runs, a placeholder holds it. */
  #release(name: string): void {
    this.#holders.delete(name)
    const [next] = this.#queues.get(name) ?? []
    if (!next) return
    this.#queues.get(name)!.delete(next)
    this.#holders.set(name, { lose: () => {} })
    next()
  }
}
