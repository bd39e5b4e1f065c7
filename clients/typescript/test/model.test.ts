/** Clients against a model of the server, each on its own connection and all on a shared one, through random sequences of
 * publishes, subscribes, breaks and restarts. */

import { describe, expect, it } from "vitest"
import type { BroadcastEvent, ClientFrame, ServerFrame } from "../src/protocol.js"
import { Mux } from "../src/shared/mux.js"
import { Subscriptions } from "../src/subscriptions.js"
import { ModelConnection, ModelServer, randomIntegers } from "./support/model.js"

const CHANNELS = ["orders", "room:7", "everyone"]

/** Checks the events of one subscription: each one follows the one before it, unless a reset lies between. */
class Checker {
  last: { epoch: string; offset: number } | undefined
  readonly faults: unknown[] = []

  check(event: BroadcastEvent): void {
    const position = event.payload as { epoch: string; offset: number }
    const next = this.last && { epoch: this.last.epoch, offset: this.last.offset + 1 }
    if (next && event.event !== "snapshot" && (position.epoch !== next.epoch || position.offset !== next.offset)) {
      this.faults.push([this.last, position])
    }
    this.last = position
  }
}

/** A client without IO, whose handlers come and go. */
class ModelClient {
  readonly subscriptions: Subscriptions
  readonly checked = new Map<string, { checker: Checker; unsubscribe: () => void }>()
  resets = 0

  constructor() {
    const ignore = (): void => {}
    this.subscriptions = new Subscriptions(
      {
        changed: ignore,
        retry: ignore,
        joined: ignore,
        failed: ({ code, channel }) => code === "ended" && this.#ended(channel!),
        reset: (channel) => this.#reset(channel),
      },
      128,
    )
  }

  /** Subscribes to the channel, or unsubscribes from it. */
  toggle(channel: string): void {
    const existing = this.checked.get(channel)
    if (existing) {
      this.checked.delete(channel)
      return existing.unsubscribe()
    }
    const checker = new Checker()
    const unsubscribe = this.subscriptions.add(channel, (event) => checker.check(event))
    this.checked.set(channel, { checker, unsubscribe })
  }

  #ended(channel: string): void {
    this.checked.get(channel)?.unsubscribe()
    this.checked.delete(channel)
  }

  #reset(channel: string): void {
    if (channel !== "everyone") this.resets++ // on "everyone", events before the first reply cannot be recovered
    const existing = this.checked.get(channel)
    if (existing) existing.checker.last = undefined
  }
}

interface World {
  clients: ModelClient[]
  /** Breaks something between clients and server. */
  disturb(): void
  /** Delivers one frame that is in flight. False if there is none. */
  step(random: (below: number) => number): boolean
  /** The connections, each with its clients. */
  connections(): [ModelConnection, ModelClient[]][]
}

/** Each client has a connection of its own. */
function separateConnections(server: ModelServer, random: (below: number) => number): World {
  const clients = [new ModelClient(), new ModelClient()]
  const connections = clients.map(() => new ModelConnection(server))
  clients.forEach(({ subscriptions }) => subscriptions.opened())

  function step(): boolean {
    const n = random(clients.length)
    for (let k = 0; k < clients.length; k++) if (stepClient((n + k) % clients.length)) return true
    return false
  }

  function stepClient(n: number): boolean {
    const { subscriptions } = clients[n]!
    if (connections[n]!.broken) {
      connections[n] = new ModelConnection(server)
      subscriptions.opened()
    }
    const { toServer, toClient } = connections[n]!
    toServer.push(...subscriptions.frames())
    if (toServer.length && (!toClient.length || random(2))) connections[n]!.serve()
    else if (toClient.length) subscriptions.receive(toClient.shift()!)
    else return false
    return true
  }

  return {
    clients,
    step,
    disturb: () => connections[random(connections.length)]!.break(),
    connections: () => connections.map((connection, n) => [connection, [clients[n]!]]),
  }
}

/** All clients share the connection of a leader, and another leader may follow. */
function sharedConnection(server: ModelServer, random: (below: number) => number): World {
  const clients = [new ModelClient(), new ModelClient(), new ModelClient()]
  let connection: ModelConnection
  let mux: Mux
  let toMux: [string, ClientFrame][]
  let toTabs: ServerFrame[][]
  let restart = false
  let later: (() => void)[]

  function startLeader(): void {
    connection = new ModelConnection(server)
    restart = false
    later = []
    toMux = []
    toTabs = clients.map(() => [])
    mux = new Mux({
      toServer: (frame) => connection.toServer.push(frame),
      toTabs: (frame, to) => toTabs.forEach((queue, n) => to?.includes(String(n)) !== false && queue.push(frame)),
      restart: () => (restart = true),
      later: (_, callback) => later.push(callback),
    })
    for (const { subscriptions } of clients) subscriptions.opened()
  }

  function step(): boolean {
    if (restart || connection.broken) startLeader()
    clients.forEach(({ subscriptions }, n) => toMux.push(...subscriptions.frames().map((frame): [string, ClientFrame] => [String(n), frame])))
    const choices = [
      () => toMux.length > 0 && (mux.fromTab(...toMux.shift()!), true),
      () => later.length > 0 && (later.shift()!(), true),
      () => connection.toServer.length > 0 && (connection.serve(), true),
      () => connection.toClient.length > 0 && (mux.fromServer(connection.toClient.shift()!), true),
      ...clients.map(({ subscriptions }, n) => () => toTabs[n]!.length > 0 && (subscriptions.receive(toTabs[n]!.shift()!), true)),
    ]
    const first = random(choices.length)
    return choices.some((_, k) => choices[(first + k) % choices.length]!())
  }

  startLeader()
  return {
    clients,
    step,
    disturb: () => (random(2) ? connection.break() : startLeader()),
    connections: () => [[connection, clients]],
  }
}

/** Runs one sequence. Checks that in the end every subscription has the newest event, and the server holds no other channel.
 * Returns the number of resets. */
function run(seed: number, window: number, create: typeof separateConnections): number {
  const random = randomIntegers(seed)
  const server = new ModelServer(window, () => random(10) === 0)
  const world = create(server, random)
  for (let step = 0; step < 400; step++) {
    const choice = random(100)
    if (choice < 25) server.publish(CHANNELS[random(3)]!)
    else if (choice < 32) world.clients[random(world.clients.length)]!.toggle(CHANNELS[random(3)]!)
    else if (choice < 35) world.disturb()
    else if (choice < 36 && window < 100) server.restart()
    else if (choice < 37) server.end(CHANNELS[random(3)]!)
    else world.step(random)
  }
  while (world.step(random));
  server.refuses = () => false
  CHANNELS.forEach((channel) => server.publish(channel))
  while (world.step(random));
  for (const { checked } of world.clients) {
    for (const [channel, { checker }] of checked) {
      const { epoch, offset } = server.history(channel)
      expect(checker.faults).toEqual([])
      expect(checker.last).toEqual({ epoch, offset })
    }
  }
  for (const [{ held, unasked }, clients] of world.connections()) {
    const isWanted = (channel: string): boolean => clients.some(({ checked }) => checked.has(channel))
    expect([...held].filter((channel) => !isWanted(channel) && !unasked.has(channel))).toEqual([])
  }
  return world.clients.reduce((sum, { resets }) => sum + resets, 0)
}

const seeds = Array.from({ length: 300 }, (_, n) => n + 1)

describe.each([["separate connections", separateConnections], ["a shared connection", sharedConnection]])("clients on %s", (_, create) => {
  it("get every event once while the history reaches back", () => {
    for (const seed of seeds) expect(run(seed, 1_000, create), `seed ${seed}`).toBe(0)
  })

  it("get a reset if the history does not reach back or is lost", () => {
    const resets = seeds.map((seed) => run(seed, 4, create))
    expect(resets.filter((count) => count > 0).length).toBeGreaterThan(100)
  })
})
