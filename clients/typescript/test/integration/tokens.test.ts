import { beforeEach, describe, expect, inject, it, vi } from "vitest"
import type { BroadcastState } from "@pattern-stack/broadcast"
import { client, following, resets } from "../support/clients.js"
import { Server } from "../support/server.js"
import { until } from "../support/until.js"

const shared = Server.at(inject("port"))
const address = shared.url.replace("/broadcast", "/token")

beforeEach(() => {
  vi.spyOn(Math, "random").mockReturnValue(1)
})

describe("a token", () => {
  it("lets in", async () => {
    const heard = await following(client(address, { token: "ann:60" }), "tokens:1")
    await shared.publish("tokens:1")
    await until(() => heard.length === 1)
  })

  it("that is refused ends it, and the reason can be seen", async () => {
    const one = client(address, { token: "nobody:60" })
    await until(() => one.state === "disconnected")
    expect(one.lastClose).toEqual({ code: 4401, reason: "no such user", final: true })
  })

  it("that runs out is replaced, and no event is lost", async () => {
    const source = vi.fn(async (_stale?: string) => `ann:0.4`)
    const one = client(address, { token: source })
    const lost = resets(one)
    const heard = await following(one, "tokens:2")
    for (let n = 1; n <= 10; n++) {
      await shared.publish("tokens:2")
      await until(() => heard.length === n)
      if (n % 5 === 0) await until(() => source.mock.calls.length > n / 5)
    }
    expect(heard.map(({ offset }) => offset)).toEqual(Array.from({ length: 10 }, (_, n) => n + 1))
    expect(source).toHaveBeenCalledWith("ann:0.4")
    expect(lost).toEqual([])
  })

  it("that says when it runs out is renewed before, and the connection stays", async () => {
    const source = vi.fn(async () => ({ token: "ann:4", expiresAt: Date.now() + 2_000 }))
    const states: BroadcastState[] = []
    const one = client(address, { token: source })
    await following(one, "tokens:3")
    one.onStateChange((state) => states.push(state))
    await until(() => source.mock.calls.length === 3)
    const heard = await following(one, "tokens:4")
    await shared.publish("tokens:4")
    await until(() => heard.length === 1)
    expect(states).toEqual([])
  })

  it("whose user is put out ends it", async () => {
    const one = client(address, { token: "bob:60" })
    await following(one, "tokens:5")
    await shared.post("/disconnect/bob")
    await until(() => one.state === "disconnected")
    expect(one.lastClose).toEqual({ code: 4403, reason: "no longer allowed", final: true })
  })
})
