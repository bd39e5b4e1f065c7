import { once } from "node:events"
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net"

/** A network between a client and a server, which can break in ways that a server cannot. */
export class Proxy {
  readonly #listener: Server
  readonly #pairs = new Set<[Socket, Socket]>()
  #dead = false
  /** How many connections were made through it. */
  accepted = 0

  private constructor(port: number) {
    this.#listener = createServer((near) => {
      this.accepted++
      const far = connect(port, "127.0.0.1")
      const pair: [Socket, Socket] = [near, far]
      this.#pairs.add(pair)
      for (const [from, to] of [pair, [far, near] as const]) {
        from.on("data", (data) => this.#dead || to.write(data))
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

  /** Resets every connection. */
  cut(): void {
    for (const [near, far] of this.#pairs) {
      near.resetAndDestroy()
      far.destroy()
    }
  }

  /** Lets nothing through, in either direction, and says nothing of it. */
  die(): void {
    this.#dead = true
  }

  /** What is new goes through again; what was there stays dead. */
  revive(): void {
    this.#pairs.forEach((pair) => pair.forEach((socket) => socket.removeAllListeners("data")))
    this.#dead = false
  }

  async close(): Promise<void> {
    this.cut()
    this.#listener.close()
    await once(this.#listener, "close")
  }
}
