import type { Position } from "../../src/protocol.js"
import { serverFrame } from "./frames.js"
import { FakeSocket } from "./socket.js"

/** A server without a network: it accepts every socket and acknowledges every channel. */
export class FakeServer {
  readonly sockets: ServedSocket[] = []
  /** Whether it can replay what a client missed. */
  recovers = true
  /** For how many seconds channels have had no event: told to who asks. */
  quiet: number | undefined
  #offset = 0

  readonly socket = (url: string): FakeSocket => {
    const socket = new ServedSocket(url, (frame) => this.#acknowledge(socket, frame))
    this.sockets.push(socket)
    queueMicrotask(() => socket.open())
    return socket
  }

  /** The one socket that is open. */
  get open(): ServedSocket {
    const open = this.sockets.filter(({ closed }) => !closed)
    if (open.length !== 1) throw new Error(`${open.length} sockets are open`)
    return open[0]!
  }

  /** Sends an event of the channel. All channels share one sequence of offsets. */
  publish(channel: string, change: object = {}): void {
    this.open.receive(serverFrame("event", { channel, offset: ++this.#offset, ...change }))
  }

  #acknowledge(socket: ServedSocket, { id, subscribe, since = {}, quiet }: SubscribeFrame): void {
    const current = { epoch: "k3f9", offset: this.#offset }
    const told = { ...current, ...(quiet && { quiet: this.quiet }) }
    const position = (channel: string): object => (since[channel] ? { ...told, recovered: this.recovers } : told)
    socket.receive({ id, subscribed: Object.fromEntries(subscribe.map((channel) => [channel, position(channel)])) } as never)
    if (!this.recovers) socket.receive({ reset: Object.fromEntries(Object.keys(since).map((channel) => [channel, current])) })
  }
}

interface SubscribeFrame {
  id: number
  subscribe: string[]
  since?: Record<string, Position>
  quiet?: boolean
}

class ServedSocket extends FakeSocket {
  readonly channels = new Set<string>()
  readonly #onSubscribe: (frame: SubscribeFrame) => void

  constructor(url: string, onSubscribe: (frame: SubscribeFrame) => void) {
    super(url)
    this.#onSubscribe = onSubscribe
  }

  override send(data: string): void {
    super.send(data)
    const frame = this.sent.at(-1)!
    if ("unsubscribe" in frame) for (const channel of frame.unsubscribe) this.channels.delete(channel)
    if (!("subscribe" in frame)) return
    for (const channel of frame.subscribe) this.channels.add(channel)
    queueMicrotask(() => this.#onSubscribe(frame as SubscribeFrame))
  }
}
