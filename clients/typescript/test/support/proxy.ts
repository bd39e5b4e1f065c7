import { once } from "node:events"
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net"

/** A TCP proxy in front of a server, for network failures. */
export class Proxy {
  readonly #listener: Server
  readonly #pairs = new Set<[Socket, Socket]>()
  #dropping = false
  /** How many connections were opened through it. */
  accepted = 0

  private constructor(port: number) {
    this.#listener = createServer((near) => {
      this.accepted++
      const far = connect(port, "127.0.0.1")
      const pair: [Socket, Socket] = [near, far]
      this.#pairs.add(pair)
      for (const [from, to] of [pair, [far, near] as const]) {
        from.on("data", (data) => this.#dropping || to.write(data))
        from.on("error", () => {})
        from.on("close", () => {
          to.destroy()
          this.#pairs.delete(pair)
        })
      }
    })
  }

  static async to(port: number): Promise<Proxy> {
    const proxy = new Proxy(port)
    proxy.#listener.listen(0, "127.0.0.1")
    await once(proxy.#listener, "listening")
    return proxy
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#listener.address() as AddressInfo).port}/ws/broadcast`
  }

  /** Resets every open connection. */
  cut(): void {
    for (const [near, far] of this.#pairs) {
      near.resetAndDestroy()
      far.destroy()
    }
  }

  /** Drops all data in both directions. The connections stay open. */
  blackhole(): void {
    this.#dropping = true
  }

  /** Forwards data of new connections again. Those that were open stay dead. */
  restore(): void {
    this.#pairs.forEach((pair) => pair.forEach((socket) => socket.removeAllListeners("data")))
    this.#dropping = false
  }

  async close(): Promise<void> {
    this.cut()
    this.#listener.close()
    await once(this.#listener, "close")
  }
}
