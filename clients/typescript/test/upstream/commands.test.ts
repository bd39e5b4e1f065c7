import { beforeEach, describe, expect, it, vi } from "vitest"
import { BroadcastError, type BroadcastClient } from "@pattern-stack/broadcast"
import type { ServerFrame } from "../../src/protocol.js"
import { client, connect, flush, network } from "../support/fake-time.js"

const position = { epoch: "k3f9", offset: 0 }
const sends = (): any[] => network.last.sent.filter((frame) => "send" in frame)
const answer = (frame: object): void => network.last.receive(frame as ServerFrame)

/** Commands are sent after the chunk that carries them has loaded. */
async function sent(count: number): Promise<any[]> {
  for (let turn = 0; sends().length < count && turn < 1_000; turn++) {
    await import("@pattern-stack/broadcast/upstream")
    await flush()
  }
  expect(sends()).toHaveLength(count)
  return sends()
}

async function join(): Promise<void> {
  await flush()
  const subscribe = network.last.sent.find((frame) => "subscribe" in frame)!
  answer({ id: subscribe.id, subscribed: { "room:7": position } })
  await flush()
}

const outcome = (promise: Promise<unknown>): Promise<unknown> => promise.then(
  (result) => result,
  (error: BroadcastError) => error.code,
)

beforeEach(async () => {
  client.subscribe("room:7", () => {})
  await connect()
})

describe("a command", () => {
  it("waits for the channel, carries a key, and resolves with the result", async () => {
    const result = client.send("room:7", "rename", { name: "x" })
    await client.send("other", "rename").catch(() => {}) // the chunk has loaded
    expect(sends()).toEqual([])
    await join()
    const [frame] = await sent(1)
    expect(frame).toEqual({ send: "room:7", event: "rename", payload: { name: "x" }, key: expect.stringMatching(/^[0-9a-f]{32}$/), id: expect.any(String) })
    answer({ id: frame.id, result: { ok: true } })
    expect(await result).toEqual({ ok: true })
  })

  it("sends what its payload was when it was called", async () => {
    const payload = { name: "x" }
    const result = client.send("room:7", "rename", payload)
    payload.name = "changed"
    await join()
    const [frame] = await sent(1)
    expect(frame.payload).toEqual({ name: "x" })
    answer({ id: frame.id, result: null })
    await result
  })

  it("is sent when the one before it on its channel is answered", async () => {
    await join()
    const results = [client.send("room:7", "a"), client.send("room:7", "b")].map(outcome)
    const [first] = await sent(1)
    expect(first.event).toBe("a")
    answer({ id: first.id, error: { code: "taken", message: "the name is taken" } })
    const [, second] = await sent(2)
    expect(second.event).toBe("b")
    answer({ id: second.id, result: null })
    expect(await Promise.all(results)).toEqual(["taken", null])
  })

  it("is sent again under the same key after a reconnect, in order", async () => {
    await join()
    const results = [client.send("room:7", "a"), client.send("room:7", "b")]
    const [lost] = await sent(1)
    network.last.end()
    await vi.advanceTimersByTimeAsync(1_000)
    network.last.open()
    await join()
    const [again] = await sent(1)
    expect(again).toEqual(lost)
    answer({ id: again.id, result: 1 })
    answer({ id: (await sent(2))[1].id, result: 2 })
    expect(await Promise.all(results)).toEqual([1, 2])
  })

  it.each([
    [{ code: "rate_limited", message: "too fast", retry_after: 0.4 }, 400],
    [{ code: "unavailable", message: "the store is away" }, 1_000],
  ])("refused with %j is sent again", async (error, delay) => {
    await join()
    const result = client.send("room:7", "a")
    const [first] = await sent(1)
    answer({ id: first.id, error })
    await flush()
    expect(sends()).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(delay)
    const [, second] = await sent(2)
    expect(second).toEqual(first)
    answer({ id: second.id, result: "done" })
    expect(await result).toBe("done")
  })

  it.each(["internal", "unknown_outcome", "invalid_payload", "forbidden"])("answered with %s rejects", async (code) => {
    await join()
    const result = outcome(client.send("room:7", "a"))
    answer({ id: (await sent(1))[0].id, error: { code, message: "no" } })
    expect(await result).toBe(code)
  })
})

describe("a command is rejected", () => {
  const call = (...args: unknown[]): Promise<unknown> => outcome((client.send as (...args: unknown[]) => Promise<unknown>)(...args))

  it.each([
    ["not_subscribed", ["room:8", "a"]],
    ["invalid_channel", ["no channel", "a"]],
    ["unknown_event", ["room:7", ""]],
    ["unknown_event", ["room:7"]],
    ["invalid_payload", ["room:7", "a", [1]]],
    ["invalid_payload", ["room:7", "a", { text: "x".repeat(70_000) }]],
    ["invalid_message", ["room:7", "a", {}, { key: "" }]],
    ["invalid_message", ["room:7", "a", {}, { key: "k".repeat(65) }]],
  ])("with %s for %.80j", async (code, args) => {
    expect(await call(...args)).toBe(code)
    expect(sends()).toEqual([])
  })

  it("if the payload is no JSON", async () => {
    const circular: { self?: object } = {}
    circular.self = circular
    await expect(client.send("room:7", "a", circular)).rejects.toThrow(TypeError)
  })

  it("when the client disconnects, and afterwards", async () => {
    const results = [call("room:7", "a")]
    await client.send("room:8", "a").catch(() => {})
    client.disconnect()
    results.push(call("room:7", "b"))
    expect(await Promise.all(results)).toEqual(["disconnected", "disconnected"])
  })

  it("when the server refuses its channel", async () => {
    const result = call("room:7", "a")
    await client.send("room:8", "a").catch(() => {})
    const { id } = network.last.sent.find((frame) => "subscribe" in frame)!
    client.onError(() => {})
    answer({ id, error: { code: "forbidden", message: "not yours", channel: "room:7" } })
    expect(await result).toBe("forbidden")
  })

  it("with the class that the application imports", async () => {
    await expect(client.send("room:8", "a")).rejects.toBeInstanceOf(BroadcastError)
  })
})

it("commands wait before connect(), too", async () => {
  client.disconnect()
  const { BroadcastClient: Client } = await import("@pattern-stack/broadcast")
  const early: BroadcastClient = new Client("ws://server/ws/broadcast", { socket: network.socket })
  early.subscribe("room:7", () => {})
  const result = early.send("room:7", "a")
  await early.send("room:8", "a").catch(() => {})
  early.connect()
  await flush()
  network.last.open()
  await join()
  answer({ id: (await sent(1))[0].id, result: 1 })
  expect(await result).toBe(1)
  early.disconnect()
})
