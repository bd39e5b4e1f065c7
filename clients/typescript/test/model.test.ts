/** Clients, alone and many on one connection, against a model, through anything that may happen. */

import { describe, expect, it } from "vitest"
import type { BroadcastEvent, ClientFrame, ServerFrame } from "../src/protocol.js"
import { Mux } from "../src/shared/mux.js"
import { Subscriptions } from "../src/subscriptions.js"
import { lots, ModelConnection, ModelServer } from "./support/model.js"

const CHANNELS = ["orders", "room:7", "everyone"]

/** What one subscription of one client hears: each event follows the one before it, unless a reset lies between. */
class Witness {
  last: { epoch: string; offset: number } | undefined
  readonly faults: unknown[] = []

  hear(event: BroadcastEvent): void {
    const here = event.payload as { epoch: string; offset: number }
    const next = this.last && { epoch: this.last.epoch, offset: this.last.offset + 1 }
    if (next && event.event !== "snapshot" && (here.epoch !== next.epoch || here.offset !== next.offset)) this.faults.push([this.last, here])
    this.last = here
  }
}

/** A client without IO: handlers that come and go, and what they hear. */
class Party {
  readonly subscriptions: Subscriptions
  readonly witnesses = new Map<string, { witness: Witness; leave: () => void }>()
  resets = 0

  constructor() {
    const ignore = (): void => {}
    const signals = { changed: ignore, retry: ignore, joined: ignore }
    this.subscriptions = new Subscriptions(
      { ...signals, failed: ({ channel }) => this.#ended(channel!), reset: (channel) => this.#reset(channel) },
      128,
    )
  }

  toggle(channel: string): void {
    const there = this.witnesses.get(channel)
    if (there) {
      this.witnesses.delete(channel)
      return there.leave()
    }
    const witness = new Witness()
    this.witnesses.set(channel, { witness, leave: this.subscriptions.add(channel, (event) => witness.hear(event)) })
  }

  #ended(channel: string): void {
    this.witnesses.get(channel)?.leave()
    this.witnesses.delete(channel)
  }

  #reset(channel: string): void {
    if (channel !== "everyone") this.resets++ // what came before the first reply cannot be recovered from
    const there = this.witnesses.get(channel)
    if (there) there.witness.last = undefined
  }
}

interface World {
  parties: Party[]
  /** One of the things that may happen to what lies between clients and server. */
  disturb(): void
  /** One thing that is under way arrives. False: nothing is. */
  move(draw: (below: number) => number): boolean
}

/** Each client has a connection of its own. */
function alone(server: ModelServer, draw: (below: number) => number): World {
  const parties = [new Party(), new Party()]
  const connections = parties.map(() => new ModelConnection(server))
  parties.forEach(({ subscriptions }) => subscriptions.opened())

  function move(): boolean {
    const n = draw(parties.length)
    for (let k = 0; k < parties.length; k++) if (advance((n + k) % parties.length)) return true
    return false
  }

  function advance(n: number): boolean {
    const { subscriptions } = parties[n]!
    if (connections[n]!.broken) {
      connections[n] = new ModelConnection(server)
      subscriptions.opened()
    }
    const { toServer, toClient } = connections[n]!
    toServer.push(...subscriptions.frames())
    if (toServer.length && (!toClient.length || draw(2))) connections[n]!.serve()
    else if (toClient.length) subscriptions.receive(toClient.shift()!)
    else return false
    return true
  }

  return { parties, move, disturb: () => connections[draw(connections.length)]!.break() }
}

/** All are on the connection of a leader, which may be followed by another. */
function together(server: ModelServer, draw: (below: number) => number): World {
  const parties = [new Party(), new Party(), new Party()]
  let connection: ModelConnection
  let mux: Mux
  let toMux: [string, ClientFrame][]
  let toTabs: ServerFrame[][]
  let broken = false

  function lead(): void {
    connection = new ModelConnection(server)
    broken = false
    toMux = []
    toTabs = parties.map(() => [])
    mux = new Mux({
      server: (frame) => connection.toServer.push(frame),
      tab: (frame, to) => toTabs.forEach((queue, n) => to?.includes(String(n)) !== false && queue.push(frame)),
      broken: () => (broken = true),
    })
    for (const { subscriptions } of parties) subscriptions.opened()
  }

  function move(): boolean {
    if (broken || connection.broken) lead()
    parties.forEach(({ subscriptions }, n) => toMux.push(...subscriptions.frames().map((frame): [string, ClientFrame] => [String(n), frame])))
    const ways = [
      () => toMux.length > 0 && (mux.say(...toMux.shift()!), true),
      () => connection.toServer.length > 0 && (connection.serve(), true),
      () => connection.toClient.length > 0 && (mux.hear(connection.toClient.shift()!), true),
      ...parties.map(({ subscriptions }, n) => () => toTabs[n]!.length > 0 && (subscriptions.receive(toTabs[n]!.shift()!), true)),
    ]
    const first = draw(ways.length)
    return ways.some((_, k) => ways[(first + k) % ways.length]!())
  }

  lead()
  return { parties, move, disturb: () => (draw(2) ? connection.break() : lead()) }
}

function live(seed: number, window: number, make: typeof alone): number {
  const draw = lots(seed)
  const server = new ModelServer(window)
  const world = make(server, draw)
  for (let step = 0; step < 400; step++) {
    const lot = draw(100)
    if (lot < 25) server.publish(CHANNELS[draw(3)]!)
    else if (lot < 32) world.parties[draw(world.parties.length)]!.toggle(CHANNELS[draw(3)]!)
    else if (lot < 35) world.disturb()
    else if (lot < 36 && window < 100) server.restart()
    else if (lot < 37) server.end(CHANNELS[draw(3)]!)
    else world.move(draw)
  }
  while (world.move(draw));
  CHANNELS.forEach((channel) => server.publish(channel))
  while (world.move(draw));
  for (const { witnesses } of world.parties) {
    for (const [channel, { witness }] of witnesses) {
      const { epoch, offset } = server.log(channel)
      expect(witness.faults).toEqual([])
      expect(witness.last).toEqual({ epoch, offset })
    }
  }
  return world.parties.reduce((sum, { resets }) => sum + resets, 0)
}

const seeds = Array.from({ length: 300 }, (_, n) => n + 1)

describe.each([["alone", alone], ["together", together]])("clients %s", (_, make) => {
  it("miss nothing, and hear nothing twice, while the history reaches back", () => {
    for (const seed of seeds) expect(live(seed, 1_000, make), `seed ${seed}`).toBe(0)
  })

  it("are told where the history does not reach back, or is lost", () => {
    const resets = seeds.map((seed) => live(seed, 4, make))
    expect(resets.filter((count) => count > 0).length).toBeGreaterThan(100)
  })
})
