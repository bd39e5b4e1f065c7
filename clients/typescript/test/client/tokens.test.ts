import { describe, expect, it, vi } from "vitest"
import type { TokenSource } from "@pattern-stack/broadcast"
import { asked, said } from "../support/golden.js"
import { after, client, connected, make, network } from "../support/timed.js"

const refused = said("error", { id: "auth", error: { code: "unauthenticated", message: "no such token" } })
const proven = said("authenticated", { id: "auth" })

async function connectedWith(token: TokenSource): Promise<void> {
  make({ token, pingAfter: Infinity })
  client.subscribe("orders", () => {})
  await connected()
}

describe("a token", () => {
  it("is the first frame", async () => {
    await connectedWith("TOKEN")
    expect(network.last.sent).toEqual([asked("auth", { id: "auth" }), asked("subscribe with id")])
  })

  it("that is refused ends it where there is no other", async () => {
    await connectedWith("TOKEN")
    network.last.say(refused)
    expect(client.lastClose).toEqual({ code: 4401, reason: "no such token", final: true })
    expect(network.last.closed).toBe(true)
  })

  it("that ran out ends it where there is no other", async () => {
    await connectedWith("TOKEN")
    network.last.say(proven)
    network.last.end(4401, "expired")
    expect(client.state).toBe("disconnected")
  })
})

describe("a function that gives tokens", () => {
  it("is asked for every connection", async () => {
    const source = vi.fn(async () => "TOKEN")
    await connectedWith(source)
    network.last.say(proven)
    network.last.end()
    await after(1_000)
    network.last.open()
    expect(network.last.sent[0]).toEqual(asked("auth", { id: "auth" }))
    expect(source.mock.calls).toEqual([[undefined], [undefined]])
  })

  it("is told which token was refused or ran out, and asked less and less often", async () => {
    let n = 0
    const source = vi.fn((_stale?: string) => `T${++n}`)
    await connectedWith(source)
    network.last.say(proven)
    network.last.end(4401, "expired")
    await after(1_000)
    for (const delay of [2_000, 4_000, 8_000]) {
      network.last.open()
      network.last.say(refused)
      await after(delay - 1)
      const count = network.sockets.length
      await after(1)
      expect(network.sockets.length).toBe(count + 1)
    }
    expect(source.mock.calls).toEqual([[undefined], ["T1"], ["T2"], ["T3"], ["T4"]])
  })

  it("gives up with null", async () => {
    await connectedWith(() => null)
    expect(network.sockets).toHaveLength(0)
    expect(client.lastClose).toEqual({ code: 4401, reason: "no token", final: true })
  })

  it("that fails is asked again later", async () => {
    const source = vi.fn(async () => "TOKEN").mockRejectedValueOnce(new Error("offline"))
    await connectedWith(source)
    expect(client.state).toBe("reconnecting")
    expect(client.lastClose?.reason).toContain("offline")
    await after(1_000)
    expect(network.sockets).toHaveLength(1)
  })

  it("that answers after disconnect opens nothing", async () => {
    let answer: (token: string) => void = () => {}
    await connectedWith(() => new Promise((resolve) => (answer = resolve)))
    client.disconnect()
    answer("TOKEN")
    await after(60_000)
    expect(network.sockets).toHaveLength(0)
  })
})

describe("a token that says when it runs out", () => {
  const lasting = (seconds: number): (() => { token: string; expiresAt: number }) => {
    let n = 0
    return () => ({ token: `T${++n}`, expiresAt: Date.now() + seconds * 1_000 })
  }
  const tokens = (): string[] => network.sockets.flatMap(({ sent }) => sent.flatMap((frame) => ("auth" in frame ? frame.auth : [])))

  it("is renewed half a minute before, on the open connection", async () => {
    const source = vi.fn(lasting(120))
    await connectedWith(source)
    network.last.say(proven)
    await after(89_000)
    expect(tokens()).toEqual(["T1"])
    await after(1_000)
    expect(tokens()).toEqual(["T1", "T2"])
    expect(source).toHaveBeenLastCalledWith("T1")
    expect(network.sockets).toHaveLength(1)
  })

  it("is renewed after half its time where that is short", async () => {
    await connectedWith(lasting(10))
    network.last.say(proven)
    await after(5_000)
    expect(tokens()).toEqual(["T1", "T2"])
  })

  it("is asked for until it runs out, where asking fails", async () => {
    const source = vi.fn<() => Promise<{ token: string; expiresAt: number }>>(async () => {
      throw new Error("offline")
    })
    source.mockResolvedValueOnce({ token: "T1", expiresAt: Date.now() + 16_000 })
    await connectedWith(source)
    network.last.say(proven)
    await after(20_000)
    expect(source.mock.calls.length).toBeGreaterThan(4)
    expect(source.mock.calls.length).toBeLessThan(10)
    expect(client.state).toBe("connected")
  })

  it("is not renewed where a wrong clock says that it is over", async () => {
    const source = vi.fn(lasting(-60))
    await connectedWith(source)
    network.last.say(proven)
    await after(20_000)
    expect(source).toHaveBeenCalledOnce()
  })

  it("that is refused when renewed leaves the connection until the server ends it", async () => {
    const codes: string[] = []
    await connectedWith(lasting(10))
    client.onError(({ code }) => codes.push(code))
    network.last.say(proven)
    await after(5_000)
    network.last.say(refused)
    expect(client.state).toBe("connected")
    expect(codes).toEqual(["unauthenticated"])
    network.last.end(4401, "expired")
    expect(client.state).toBe("reconnecting")
  })
})
