/** A model of the server and its connections, without IO or time. A random sequence decides what happens next. */

import type { ClientFrame, Position, ServerFrame } from "../../src/protocol.js"

/** A function that returns pseudo-random integers below its argument. The same seed gives the same sequence. */
export function randomIntegers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32
    return Math.floor((state / 2 ** 32) * below)
  }
}

interface History extends Position {
  events: ServerFrame[]
}

/** Keeps the last `window` events of each channel. Channels whose name begins with "room" have a snapshot. Every connection is
 * on the channel "everyone" from the start. */
export class ModelServer {
  readonly #window: number
  readonly #histories = new Map<string, History>()
  readonly connections = new Set<ModelConnection>()
  /** Whether the next frame is refused as `rate_limited`. */
  refuses: () => boolean
  #epochs = 0

  constructor(window: number, refuses: () => boolean) {
    this.#window = window
    this.refuses = refuses
  }

  history(channel: string): History {
    const history = this.#histories.get(channel) ?? { epoch: `e${++this.#epochs}`, offset: 0, events: [] }
    this.#histories.set(channel, history)
    return history
  }

  publish(channel: string): void {
    const history = this.history(channel)
    const payload = { epoch: history.epoch, offset: ++history.offset }
    const event = { channel, event: "created", payload, offset: history.offset, timestamp: "" }
    history.events = [...history.events, event].slice(-this.#window)
    for (const connection of this.connections) if (connection.held.has(channel)) connection.toClient.push(event)
  }

  /** The events after the position; undefined if they are not all kept. */
  since(channel: string, { epoch, offset }: Position): ServerFrame[] | undefined {
    const history = this.history(channel)
    const missed = history.offset - offset
    if (epoch !== history.epoch || missed < 0 || missed > history.events.length) return undefined
    return missed > 0 ? history.events.slice(-missed) : []
  }

  /** Ends the channel for its subscribers. */
  end(channel: string): void {
    for (const { held, toClient } of this.connections) if (held.delete(channel)) toClient.push({ unsubscribed: [channel] })
  }

  /** Loses all histories and all connections. */
  restart(): void {
    this.#histories.clear()
    for (const connection of this.connections) connection.broken = true
    this.connections.clear()
  }
}

/** Two queues of frames in flight. They are lost when the connection breaks. */
export class ModelConnection {
  readonly toServer: ClientFrame[] = []
  readonly toClient: ServerFrame[] = []
  readonly held = new Set(["everyone"])
  /** Channels that the client has not subscribed to itself. */
  readonly unasked = new Set(["everyone"])
  broken = false
  readonly #server: ModelServer

  constructor(server: ModelServer) {
    this.#server = server
    server.connections.add(this)
  }

  break(): void {
    this.broken = true
    this.#server.connections.delete(this)
  }

  /** The server processes the next frame of the client. */
  serve(): void {
    const frame = this.toServer.shift()
    if (!frame) return
    if (this.#server.refuses()) {
      const error = { code: "rate_limited", message: "too fast", retry_after: 0.1 }
      this.toClient.push({ ...(frame.id !== undefined && { id: frame.id }), error })
    } else if ("subscribe" in frame) this.#subscribe(frame.subscribe, frame.since ?? {}, frame.id!)
    else if ("unsubscribe" in frame) this.#unsubscribe(frame.unsubscribe, frame.id)
    else if ("refresh" in frame) frame.refresh.filter((channel) => this.held.has(channel)).forEach((channel) => this.#snapshot(channel))
  }

  #unsubscribe(unsubscribed: string[], id: number | string | undefined): void {
    for (const channel of unsubscribed) {
      this.held.delete(channel)
      this.unasked.delete(channel)
    }
    if (id !== undefined) this.toClient.push({ id, unsubscribed })
  }

  #subscribe(channels: string[], since: Record<string, Position>, id: number | string): void {
    const subscribed: Record<string, Position & { recovered?: boolean }> = {}
    const reset: Record<string, Position> = {}
    const afterReply: (() => void)[] = []
    for (const channel of channels) {
      const { epoch, offset } = this.#server.history(channel)
      const from = since[channel]
      const held = this.held.has(channel) && !(this.unasked.delete(channel) && from)
      const missed = from && !held ? this.#server.since(channel, from) : undefined
      subscribed[channel] = missed ? { ...from!, recovered: true } : { epoch, offset, ...(from && !held && { recovered: false }) }
      if (from && !held && !missed) reset[channel] = { epoch, offset }
      if (!held) afterReply.push(() => (missed ? this.toClient.push(...missed) : this.#snapshot(channel)))
      this.held.add(channel)
    }
    this.toClient.push({ id, subscribed })
    if (Object.keys(reset).length > 0) this.toClient.push({ reset })
    for (const one of afterReply) one()
  }

  #snapshot(channel: string): void {
    const { epoch, offset } = this.#server.history(channel)
    if (channel.startsWith("room")) this.toClient.push({ channel, event: "snapshot", payload: { epoch, offset }, offset, timestamp: "" })
  }
}
