import { afterEach, describe, expect, it, vi } from "vitest"
import { BroadcastClient, BroadcastError } from "@pattern-stack/broadcast"
import { serverFrame } from "../support/frames.js"
import { client, connect as connectClient, flush, network } from "../support/fake-time.js"

afterEach(() => {
  vi.unstubAllEnvs()
})

describe("a method", () => {
  it("works when it is taken from the client", async () => {
    const { connect, disconnect, subscribe, ready, refresh, emit, isJoined, onStateChange, onJoin, onReset, onError } = client
    const log: unknown[] = []
    onStateChange((state) => log.push(state))
    onJoin((channel) => log.push(["joined", channel]))
    onReset((channel) => log.push(["reset", channel]))
    onError(({ code }) => log.push(code))
    const unsubscribe = subscribe("orders", ({ offset }) => log.push(offset))
    connect()
    await flush()
    network.last.open()
    network.last.receive(serverFrame("subscribed"))
    await ready("orders")
    expect(isJoined("orders")).toBe(true)
    network.last.receive(serverFrame("event"), serverFrame("reset"), serverFrame("error without id"))
    refresh("orders")
    emit("orders", "created", {})
    await flush()
    unsubscribe()
    disconnect()
    expect(log).toEqual(["connecting", "connected", ["joined", "orders"], 42, ["reset", "orders"], "invalid_json", "disconnected"])
  })

  it.each(["onStateChange", "onJoin", "onReset", "onError"] as const)("%s throws without a handler", (method) => {
    expect(() => client[method](undefined as never)).toThrow("a handler is a function, not undefined")
  })

  it("subscribe throws without a handler", () => {
    expect(() => client.subscribe("orders", undefined as never)).toThrow("a handler is a function, not undefined")
  })
})

describe("emit()", () => {
  const emit = (...args: unknown[]): void => (client.emit as (...args: unknown[]) => void)(...args)

  it.each([["created", { entity_id: "1" }], ["orders", "created"], ["orders", "created", null], ["orders", "created", [1]], ["orders", "", {}]])(
    "throws for the arguments %j, %j, %j",
    async (...args) => {
      await connectClient()
      expect(() => emit(...args)).toThrow("emit(channel, event, payload) needs a name and an object")
      expect(() => emit(...args)).toThrow(BroadcastError)
    },
  )

  it("throws for an invalid channel name", () => {
    expect(() => emit("a b", "created", {})).toThrow("not a channel name")
    expect(() => emit(undefined, "created", {})).toThrow("not a channel name")
  })
})

describe("an option", () => {
  const construct = (options: object): BroadcastClient => new BroadcastClient("ws://server", options)

  it.each([
    [{ tokn: "TOKEN" }, "BroadcastClient has no option tokn; it has token, origin"],
    [{ reconnect: { retries: 3 } }, "reconnect has no option retries; it has first, most, tries"],
  ])("that does not exist is refused in development: %j", (options, message) => {
    expect(() => construct(options)).toThrow(message)
  })

  it("that does not exist is a warning in production, and in a browser without a bundler", () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {})
    vi.stubEnv("NODE_ENV", "production")
    construct({ tokn: "TOKEN" })
    vi.unstubAllEnvs()
    vi.stubGlobal("process", undefined)
    construct({ tokn: "TOKEN" })
    vi.unstubAllGlobals()
    expect(warn.mock.calls.map(([text]) => text)).toEqual([expect.stringContaining("no option tokn"), expect.stringContaining("no option tokn")])
  })

  it.each([
    { maxChannels: 0 },
    { pingAfter: -1 },
    { pingAfter: Number.NaN },
    { reconnect: { first: 0 } },
    { reconnect: { most: "1s" } },
    { reconnect: { tries: -1 } },
  ])("with a wrong value is refused: %j", (options) => {
    expect(() => construct(options)).toThrow(TypeError)
    expect(() => construct(options)).toThrow(/is a number of at least/)
  })

  it.each([undefined, "", 7])("url is required, and is not %j", (url) => {
    expect(() => new BroadcastClient(url as never)).toThrow("BroadcastClient needs a URL")
  })

  it("may be undefined", () => {
    construct({ token: undefined, maxChannels: undefined, reconnect: { first: undefined } })
  })
})

it("a client is shown under its class name", () => {
  expect(Object.prototype.toString.call(client)).toBe("[object BroadcastClient]")
})
