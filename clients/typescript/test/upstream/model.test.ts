/** Clients that send commands to a model of the server, through random breaks, refusals and lost answers: each command has one effect,
 * in the order of its client, and each promise ends with the result of its own command. */

import { expect, it } from "vitest"
import { BroadcastError } from "@pattern-stack/broadcast"
import type { ClientFrame, ServerFrame } from "../../src/protocol.js"
import { Subscriptions } from "../../src/subscriptions.js"
import { Upstream } from "../../src/upstream/index.js"
import { randomIntegers } from "../support/model.js"

const CHANNEL = "room:7"

/** Carries each key out once, and answers a repeat with the first result. */
class Application {
  readonly results = new Map<string, string>()
  readonly effects: string[] = []

  carryOut(key: string, command: string): string {
    if (!this.results.has(key)) {
      this.effects.push(command)
      this.results.set(key, `done ${command}`)
    }
    return this.results.get(key)!
  }
}

class Connection {
  readonly toServer: ClientFrame[] = []
  readonly toClient: ServerFrame[] = []
  readonly #application: Application
  #isSubscribed = false

  constructor(application: Application) {
    this.#application = application
  }

  serve(refuses: boolean): void {
    const frame = this.toServer.shift()
    const id = frame?.id
    if (!frame || id === undefined) return
    if (refuses) this.toClient.push({ id, error: { code: "rate_limited", message: "too fast", retry_after: 0 } })
    else if ("subscribe" in frame) {
      this.#isSubscribed = true
      this.toClient.push({ id, subscribed: { [CHANNEL]: { epoch: "e1", offset: 0, ...(frame.since && { recovered: true }) } } })
    } else if ("send" in frame) {
      expect(this.#isSubscribed).toBe(true)
      this.toClient.push({ id, result: this.#application.carryOut(frame.key, frame.event) })
    }
  }
}

class Client {
  readonly #name: string
  readonly #application: Application
  readonly #subscriptions: Subscriptions
  readonly #upstream: Upstream
  connection: Connection
  #sent = 0
  readonly outcomes: Promise<[command: string, result: unknown]>[] = []

  constructor(name: string, application: Application) {
    const ignore = (): void => {}
    this.#name = name
    this.#application = application
    this.#subscriptions = new Subscriptions({ changed: ignore, retry: ignore, joined: ignore, reset: ignore, failed: ignore }, 128)
    this.#subscriptions.add(CHANNEL, ignore)
    this.#upstream = new Upstream(this.#subscriptions, () => undefined, BroadcastError)
    this.connection = new Connection(application)
    this.#subscriptions.opened()
  }

  send(): void {
    const command = `${this.#name} ${++this.#sent}`
    const result = this.#upstream.send(JSON.stringify({ send: CHANNEL, event: command, payload: {} }))
    this.outcomes.push(result.then((value) => [command, value]))
  }

  /** What is in flight is lost. */
  reconnect(): void {
    this.#subscriptions.closed()
    this.#upstream.closed()
    this.connection = new Connection(this.#application)
    this.#subscriptions.opened()
  }

  /** False if nothing is left to do. */
  step(refuses: boolean, receives: boolean): boolean {
    const { toServer, toClient } = this.connection
    toServer.push(...this.#subscriptions.frames(), ...this.#upstream.frames())
    if (toClient.length > 0 && (receives || toServer.length === 0)) {
      const frame = toClient.shift()!
      if (!this.#upstream.receive(frame)) this.#subscriptions.receive(frame)
    } else if (toServer.length > 0) this.connection.serve(refuses)
    else return false
    return true
  }
}

async function run(seed: number): Promise<void> {
  const random = randomIntegers(seed)
  const application = new Application()
  const clients = [new Client("ann", application), new Client("bob", application)]
  for (let step = 0; step < 300; step++) {
    const client = clients[random(2)]!
    const choice = random(100)
    if (choice < 20) client.send()
    else if (choice < 28) client.reconnect()
    else client.step(random(8) === 0, random(2) === 0)
  }
  for (const client of clients) while (client.step(false, true));
  const outcomes = await Promise.all(clients.map((client) => Promise.all(client.outcomes)))
  clients.forEach((_, n) => {
    const commands = outcomes[n]!.map(([command]) => command)
    expect(application.effects.filter((effect) => commands.includes(effect))).toEqual(commands)
    for (const [command, result] of outcomes[n]!) expect(result).toBe(`done ${command}`)
  })
}

it("each command has one effect, in order", async () => {
  for (let seed = 1; seed <= 60; seed++) await run(seed)
})
