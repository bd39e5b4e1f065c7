import { describe, expect, it, vi } from "vitest"
import type { TokenSource } from "@pattern-stack/broadcast"
import { clientFrame, serverFrame } from "../support/frames.js"
import { advance, client, connect, create, flush, network } from "../support/fake-time.js"

const refused = serverFrame("error", { id: "auth", error: { code: "unauthenticated", message: "no such token" } })
const accepted = serverFrame("authenticated", { id: "auth" })

async function connectWith(token: TokenSource): Promise<void> {
  create({ token, pingAfter: Infinity })
  client.subscribe("orders", () => {})
  await connect()
}

describe("a static token", () => {
  it("is sent as the first frame", async () => {
    await connectWith("TOKEN")
    expect(network.last.sent).toEqual([clientFrame("auth", { id: "auth" }), clientFrame("subscribe with id")])
  })

  it("disconnects the client when the server refuses it", async () => {
    await connectWith("TOKEN")
    network.last.receive(refused)
    expect(client.lastClose).toEqual({ code: 4401, reason: "no such token", final: true })
    expect(network.last.closed).toBe(true)
  })

  it.each(["unavailable", "internal", "rate_limited"])("stays valid if the server cannot check it now (%s): the client reconnects", async (code) => {
    await connectWith("TOKEN")
    network.last.receive(serverFrame("error", { id: "auth", error: { code, message: "try again" } }))
    expect(client.lastClose).toEqual({ code: 1013, reason: "try again", final: false })
    await advance(1_000)
    network.last.open()
    expect(network.last.sent[0]).toEqual(clientFrame("auth", { id: "auth" }))
  })

  it("disconnects the client when it expires", async () => {
    await connectWith("TOKEN")
    network.last.receive(accepted)
    network.last.end(4401, "expired")
    expect(client.state).toBe("disconnected")
  })
})

describe("a token function", () => {
  it("is called for each connection", async () => {
    const source = vi.fn(async () => "TOKEN")
    await connectWith(source)
    network.last.receive(accepted)
    network.last.end()
    await advance(1_000)
    network.last.open()
    expect(network.last.sent[0]).toEqual(clientFrame("auth", { id: "auth" }))
    expect(source.mock.calls).toEqual([[undefined], [undefined]])
  })

  it("gets the token that was refused or expired, and is called less and less often", async () => {
    let n = 0
    const source = vi.fn((_stale?: string) => `T${++n}`)
    await connectWith(source)
    network.last.receive(accepted)
    network.last.end(4401, "expired")
    await advance(1_000)
    for (const delay of [2_000, 4_000, 8_000]) {
      network.last.open()
      network.last.receive(refused)
      await advance(delay - 1)
      const count = network.sockets.length
      await advance(1)
      expect(network.sockets.length).toBe(count + 1)
    }
    expect(source.mock.calls).toEqual([[undefined], ["T1"], ["T2"], ["T3"], ["T4"]])
  })

  it("disconnects the client by returning null", async () => {
    await connectWith(() => null)
    expect(network.sockets).toHaveLength(0)
    expect(client.lastClose).toEqual({ code: 4401, reason: "no token", final: true })
  })

  it("is called again later if its promise rejects", async () => {
    const source = vi.fn(async () => "TOKEN").mockRejectedValueOnce(new Error("offline"))
    await connectWith(source)
    expect(client.state).toBe("reconnecting")
    expect(client.lastClose?.reason).toContain("offline")
    await advance(1_000)
    expect(network.sockets).toHaveLength(1)
  })

  it("that does not answer is called again after ten seconds and a delay, and its late answer is ignored", async () => {
    const answers: ((token: string) => void)[] = []
    const source = vi.fn((_stale?: string) => new Promise<string>((resolve) => answers.push(resolve)))
    await connectWith(source)
    expect(client.state).toBe("connecting")
    await advance(9_999)
    expect(client.lastClose).toBeNull()
    await advance(1)
    expect(client.state).toBe("reconnecting")
    expect(client.lastClose).toEqual({ code: 1006, reason: "the token function did not answer within 10 s", final: false })
    await advance(1_000)
    expect(source).toHaveBeenCalledTimes(2)
    answers[1]!("TOKEN")
    await flush()
    network.last.open()
    answers[0]!("LATE")
    await flush()
    expect(network.last.sent).toEqual([clientFrame("auth", { id: "auth" }), clientFrame("subscribe with id")])
    network.last.end(4401, "expired")
    await advance(2_000)
    expect(source.mock.calls).toEqual([[undefined], [undefined], ["TOKEN"]])
  })

  it("opens no socket if it answers after disconnect()", async () => {
    let answer: (token: string) => void = () => {}
    await connectWith(() => new Promise((resolve) => (answer = resolve)))
    client.disconnect()
    answer("TOKEN")
    await advance(60_000)
    expect(network.sockets).toHaveLength(0)
  })
})

describe("a token with expiresAt", () => {
  const validFor = (seconds: number): (() => { token: string; expiresAt: number }) => {
    let n = 0
    return () => ({ token: `T${++n}`, expiresAt: Date.now() + seconds * 1_000 })
  }
  const sentTokens = (): string[] => network.sockets.flatMap(({ sent }) => sent.flatMap((frame) => ("auth" in frame ? frame.auth : [])))

  it("is renewed half a minute before it expires, on the open connection", async () => {
    const source = vi.fn(validFor(120))
    await connectWith(source)
    network.last.receive(accepted)
    await advance(89_000)
    expect(sentTokens()).toEqual(["T1"])
    await advance(1_000)
    expect(sentTokens()).toEqual(["T1", "T2"])
    expect(source).toHaveBeenLastCalledWith("T1")
    expect(network.sockets).toHaveLength(1)
  })

  it("is renewed after half of its lifetime if that is short", async () => {
    await connectWith(validFor(10))
    network.last.receive(accepted)
    await advance(5_000)
    expect(sentTokens()).toEqual(["T1", "T2"])
  })

  it("is requested until it expires if the function fails", async () => {
    const source = vi.fn<() => Promise<{ token: string; expiresAt: number }>>(async () => {
      throw new Error("offline")
    })
    source.mockResolvedValueOnce({ token: "T1", expiresAt: Date.now() + 16_000 })
    await connectWith(source)
    network.last.receive(accepted)
    await advance(20_000)
    expect(source.mock.calls.length).toBeGreaterThan(4)
    expect(source.mock.calls.length).toBeLessThan(10)
    expect(client.state).toBe("connected")
  })

  it("is requested again if the function does not answer within ten seconds", async () => {
    let n = 0
    const source = vi.fn((): Promise<{ token: string; expiresAt: number }> => {
      const expiresAt = Date.now() + 120_000
      return ++n === 2 ? new Promise(() => {}) : Promise.resolve({ token: `T${n}`, expiresAt })
    })
    await connectWith(source)
    network.last.receive(accepted)
    await advance(90_000)
    expect([source.mock.calls.length, sentTokens()]).toEqual([2, ["T1"]])
    await advance(20_000)
    expect(sentTokens()).toEqual(["T1", "T3"])
    expect(network.sockets).toHaveLength(1)
  })

  it.each([
    [{ code: "unavailable", message: "try again" }, 5_000],
    [{ code: "rate_limited", message: "too fast", retry_after: 0.4 }, 400],
  ])("is renewed again soon if the server refuses the renewal for a temporary reason: %j", async (error, delay) => {
    await connectWith(validFor(120))
    client.onError(() => {})
    network.last.receive(accepted)
    await advance(90_000)
    expect(sentTokens()).toEqual(["T1", "T2"])
    network.last.receive(serverFrame("error", { id: "auth", error }))
    await advance(delay - 1)
    expect(sentTokens()).toEqual(["T1", "T2"])
    await advance(1)
    expect(sentTokens()).toEqual(["T1", "T2", "T3"])
  })

  it("is not renewed if it has expired already by this machine's clock", async () => {
    const source = vi.fn(validFor(-60))
    await connectWith(source)
    network.last.receive(accepted)
    await advance(20_000)
    expect(source).toHaveBeenCalledOnce()
  })

  it("does not close the connection if the renewed token is refused: the server closes it when the old one expires", async () => {
    const codes: string[] = []
    await connectWith(validFor(10))
    client.onError(({ code }) => codes.push(code))
    network.last.receive(accepted)
    await advance(5_000)
    network.last.receive(refused)
    expect(client.state).toBe("connected")
    expect(codes).toEqual(["unauthenticated"])
    network.last.end(4401, "expired")
    expect(client.state).toBe("reconnecting")
  })
})
