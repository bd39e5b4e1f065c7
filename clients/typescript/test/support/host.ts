import type { Position } from "../../src/protocol.js"
import { said } from "./golden.js"
import { FakeSocket } from "./socket.js"

/** A server without a network: it opens every socket and acknowledges every channel. */
export class Host {
  readonly sockets: Served[] = []
  /** Whether it still has what was missed in a break. */
  recovers = true
  #offset = 0

  readonly socket = (url: string): FakeSocket => {
    const socket = new Served(url, (frame) => this.#acknowledge(socket, frame))
    this.sockets.push(socket)
    queueMicrotask(() => socket.open())
    return socket
  }

  /** The socket that is open. */
  get open(): Served {
    const open = this.sockets.filter(({ closed }) => !closed)
    if (open.length !== 1) throw new Error(`${open.length} sockets are open`)
    return open[0]!
  }

  /** An event of the channel, with the next offset of all. */
  publish(channel: string, change: object = {}): void {
    this.open.say(said("event", { channel, offset: ++this.#offset, ...change }))
  }

  #acknowledge(socket: Served, { id, subscribe, since = {} }: Asked): void {
    const here = { epoch: "k3f9", offset: this.#offset }
    const place = (channel: string): object => (since[channel] ? { ...here, recovered: this.recovers } : here)
    socket.say({ id, subscribed: Object.fromEntries(subscribe.map((channel) => [channel, place(channel)])) } as never)
    if (!this.recovers) socket.say({ reset: Object.fromEntries(Object.keys(since).map((channel) => [channel, here])) })
  }
}

interface Asked {
  id: number
  subscribe: string[]
  since?: Record<string, Position>
}

class Served extends FakeSocket {
  readonly channels = new Set<string>()
  readonly #subscribed: (frame: Asked) => void

  constructor(url: string, subscribed: (frame: Asked) => void) {
    super(url)
    this.#subscribed = subscribed
  }

  override send(data: string): void {
    super.send(data)
    const frame = this.sent.at(-1)!
    if ("unsubscribe" in frame) for (const channel of frame.unsubscribe) this.channels.delete(channel)
    if (!("subscribe" in frame)) return
    for (const channel of frame.subscribe) this.channels.add(channel)
    queueMicrotask(() => this.#subscribed(frame as Asked))
  }
}
