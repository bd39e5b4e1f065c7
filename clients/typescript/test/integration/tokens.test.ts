import { beforeEach, describe, expect, inject, it, vi } from "vitest"
import type { BroadcastState } from "@pattern-stack/broadcast"
import { collectEvents, collectResets, connectClient } from "../support/clients.js"
import { Server } from "../support/server.js"
import { until } from "../support/until.js"

const shared = Server.at(inject("port"))
const url = shared.url.replace("/broadcast", "/token")

beforeEach(() => {
  vi.spyOn(Math, "random").mockReturnValue(1)
})

describe("a token", () => {
  it("authenticates the client", async () => {
    const events = await collectEvents(connectClient(url, { token: "ann:60" }), "tokens:1")
    await shared.publish("tokens:1")
    await until(() => events.length === 1)
  })

  it("that is refused disconnects the client, and lastClose has the reason", async () => {
    const client = connectClient(url, { token: "nobody:60" })
    await until(() => client.state === "disconnected")
    expect(client.lastClose).toEqual({ code: 4401, reason: "no such user", final: true })
  })

  it("that expires is replaced, and no event is lost", async () => {
    const source = vi.fn(async (_stale?: string) => `ann:0.4`)
    const client = connectClient(url, { token: source })
    const resets = collectResets(client)
    const events = await collectEvents(client, "tokens:2")
    for (let n = 1; n <= 10; n++) {
      await shared.publish("tokens:2")
      await until(() => events.length === n)
      if (n % 5 === 0) await until(() => source.mock.calls.length > n / 5)
    }
    expect(events.map(({ offset }) => offset)).toEqual(Array.from({ length: 10 }, (_, n) => n + 1))
    expect(source).toHaveBeenCalledWith("ann:0.4")
    expect(resets).toEqual([])
  })

  it("with expiresAt is renewed before, on the same connection", async () => {
    const source = vi.fn(async () => ({ token: "ann:4", expiresAt: Date.now() + 2_000 }))
    const states: BroadcastState[] = []
    const client = connectClient(url, { token: source })
    await collectEvents(client, "tokens:3")
    client.onStateChange((state) => states.push(state))
    await until(() => source.mock.calls.length === 3)
    const events = await collectEvents(client, "tokens:4")
    await shared.publish("tokens:4")
    await until(() => events.length === 1)
    expect(states).toEqual([])
  })

  it("of a user that the server disconnects ends the client", async () => {
    const client = connectClient(url, { token: "bob:60" })
    await collectEvents(client, "tokens:5")
    await shared.post("/disconnect/bob")
    await until(() => client.state === "disconnected")
    expect(client.lastClose).toEqual({ code: 4403, reason: "no longer allowed", final: true })
  })
})
