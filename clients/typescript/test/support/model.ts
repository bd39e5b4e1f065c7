/** A server and its networks in a few lines, without IO or time: what happens next is drawn by lot. */

import type { ClientFrame, Position, ServerFrame } from "../../src/protocol.js"

/** The same sequence for the same seed: whole numbers below a bound. */
export function lots(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32
    return Math.floor((state / 2 ** 32) * below)
  }
}

interface Log extends Position {
  events: ServerFrame[]
}

/** It keeps so many events of a channel. Channels whose name begins with "room" have a snapshot; every connection is on the
 * channel "everyone" without asking. */
export class ModelServer {
  readonly #window: number
  readonly #logs = new Map<string, Log>()
  readonly connections = new Set<ModelConnection>()
  #epochs = 0

  constructor(window: number) {
    this.#window = window
  }

  log(channel: string): Log {
    const log = this.#logs.get(channel) ?? { epoch: `e${++this.#epochs}`, offset: 0, events: [] }
    this.#logs.set(channel, log)
    return log
  }

  publish(channel: string): void {
    const log = this.log(channel)
    const payload = { epoch: log.epoch, offset: ++log.offset }
    const event = { channel, event: "created", payload, offset: log.offset, timestamp: "" }
    log.events = [...log.events, event].slice(-this.#window)
    for (const connection of this.connections) if (connection.held.has(channel)) connection.toClient.push(event)
  }

  /** What follows the position; undefined where it is not known any more. */
  since(channel: string, { epoch, offset }: Position): ServerFrame[] | undefined {
    const log = this.log(channel)
    const missed = log.offset - offset
    if (epoch !== log.epoch || missed < 0 || missed > log.events.length) return undefined
    return missed > 0 ? log.events.slice(-missed) : []
  }

  /** Whoever is on the channel is told that it is over. */
  end(channel: string): void {
    for (const { held, toClient } of this.connections) if (held.delete(channel)) toClient.push({ unsubscribed: [channel] })
  }

  /** Everything is forgotten, and every connection broken. */
  restart(): void {
    this.#logs.clear()
    for (const connection of this.connections) connection.broken = true
    this.connections.clear()
  }
}

/** Two queues: what is in them is under way, and lost when it breaks. */
export class ModelConnection {
  readonly toServer: ClientFrame[] = []
  readonly toClient: ServerFrame[] = []
  readonly held = new Set(["everyone"])
  /** Those it is on without having asked. */
  readonly #put = new Set(["everyone"])
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

  /** The server carries out the next frame. */
  serve(): void {
    const frame = this.toServer.shift()
    if (!frame) return
    if ("subscribe" in frame) this.#subscribe(frame.subscribe, frame.since ?? {}, frame.id!)
    else if ("unsubscribe" in frame) this.#unsubscribe(frame.unsubscribe, frame.id)
    else if ("refresh" in frame) frame.refresh.filter((channel) => this.held.has(channel)).forEach((channel) => this.#snapshot(channel))
  }

  #unsubscribe(unsubscribed: string[], id: number | string | undefined): void {
    for (const channel of unsubscribed) this.held.delete(channel)
    if (id !== undefined) this.toClient.push({ id, unsubscribed })
  }

  #subscribe(channels: string[], since: Record<string, Position>, id: number | string): void {
    const subscribed: Record<string, Position & { recovered?: boolean }> = {}
    const reset: Record<string, Position> = {}
    const after: (() => void)[] = []
    for (const channel of channels) {
      const { epoch, offset } = this.#server.log(channel)
      const from = since[channel]
      const held = this.held.has(channel) && !(this.#put.delete(channel) && from)
      const missed = from && !held ? this.#server.since(channel, from) : undefined
      subscribed[channel] = missed ? { ...from!, recovered: true } : { epoch, offset, ...(from && !held && { recovered: false }) }
      if (from && !held && !missed) reset[channel] = { epoch, offset }
      if (!held) after.push(() => (missed ? this.toClient.push(...missed) : this.#snapshot(channel)))
      this.held.add(channel)
    }
    this.toClient.push({ id, subscribed })
    if (Object.keys(reset).length > 0) this.toClient.push({ reset })
    for (const one of after) one()
  }

  #snapshot(channel: string): void {
    const { epoch, offset } = this.#server.log(channel)
    if (channel.startsWith("room")) this.toClient.push({ channel, event: "snapshot", payload: { epoch, offset }, offset, timestamp: "" })
  }
}
