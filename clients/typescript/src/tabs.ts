import type { BroadcastEvent } from "./protocol.js"

/** The other tabs of this browser whose client has the same URL. */
export class Tabs {
  readonly #name: string
  readonly #receive: (event: BroadcastEvent) => void
  #port: BroadcastChannel | undefined

  constructor(name: string, receive: (event: BroadcastEvent) => void) {
    this.#name = name
    this.#receive = receive
  }

  open(): void {
    if (this.#port || !globalThis.BroadcastChannel) return
    this.#port = new BroadcastChannel(this.#name)
    this.#port.onmessage = ({ data }) => this.#receive(data)
  }

  close(): void {
    this.#port?.close()
    this.#port = undefined
  }

  /** Does nothing while closed. */
  send(event: BroadcastEvent): void {
    this.#port?.postMessage(event)
  }
}
