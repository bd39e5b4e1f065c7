// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { BroadcastClient, BroadcastError, type BroadcastOptions, type BroadcastState } from "@pattern-stack/broadcast"
import { asked, said } from "./support/golden.js"
import { Network } from "./support/socket.js"

const URL = "ws://server/ws/broadcast"

let network: Network
let client: BroadcastClient

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "performance"] })
  vi.spyOn(Math, "random").mockReturnValue(0) // the longest delays
  network = new Network()
  client = make()
})

afterEach(() => {
  client.disconnect()
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

function make(options: BroadcastOptions = {}): BroadcastClient {
  return new BroadcastClient(URL, { socket: network.socket, ...options })
}

const turn = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0)
const after = (milliseconds: number): Promise<unknown> => vi.advanceTimersByTimeAsync(milliseconds)

async function connected(options?: BroadcastOptions): Promise<void> {
  if (options) client = make(options)
  client.connect()
  await turn()
  network.last.open()
  await turn()
}

/** Connected, on orders at (k3f9, 41). */
async function following(handler: (event: { offset?: number }) => void = () => {}): Promise<void> {
  client.subscribe("orders", handler)
  await connected()
  network.last.say(said("subscribed"))
}

/** The delays, in milliseconds, between so many tries that all fail. */
async function delays(tries: number): Promise<number[]> {
  const found: number[] = []
  for (let n = 0; n < tries; n++) {
    const count = network.sockets.length
    const from = Date.now()
    network.last.end()
    while (network.sockets.length === count) await after(100)
    found.push(Date.now() - from)
  }
  return found
}

describe("states", () => {
  it("go from connecting to connected, reconnecting and back, and end disconnected", async () => {
    const states: BroadcastState[] = []
    client.onStateChange((state) => states.push(state))
    expect(client.state).toBe("disconnected")
    await connected()
    network.last.end()
    await after(1_000)
    network.last.open()
    client.disconnect()
    expect(states).toEqual(["connecting", "connected", "reconnecting", "connected", "disconnected"])
    expect(client.state).toBe("disconnected")
  })

  it("are told to each handler though one throws", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {})
    const states: BroadcastState[] = []
    client.onStateChange(() => {
      throw new Error("mine")
    })
    const stop = client.onStateChange((state) => states.push(state))
    client.connect()
    stop()
    client.disconnect()
    expect(states).toEqual(["connecting"])
  })

  it("connecting twice opens one socket", async () => {
    await connected()
    client.connect()
    await turn()
    expect(network.sockets).toHaveLength(1)
  })

  it.each(["connecting", "connected", "reconnecting"])("a handler may disconnect when it hears of %s", async (when) => {
    client.subscribe("orders", () => {})
    client.onStateChange((state) => state === when && client.disconnect())
    client.connect()
    await turn()
    network.sockets.at(-1)?.open()
    network.sockets.at(-1)?.end()
    await after(60_000)
    expect(client.state).toBe("disconnected")
    expect(network.sockets.length).toBe(when === "connecting" ? 0 : 1)
  })
})

describe("disconnect", () => {
  it("is final, whatever was under way, and a later connect works again", async () => {
    client.connect()
    client.disconnect()
    await after(60_000)
    expect(network.sockets).toHaveLength(0)

    await connected()
    network.last.end()
    client.disconnect()
    await after(60_000)
    expect(network.sockets).toHaveLength(1)

    client.connect()
    await turn()
    client.disconnect()
    network.last.open()
    expect(network.last.closed).toBe(true)
    expect(client.state).toBe("disconnected")

    await connected()
    expect(client.state).toBe("connected")
  })

  it("leaves no timer, listener or socket", async () => {
    const counted = [globalThis, document].flatMap((target) => [
      [vi.spyOn(target, "addEventListener"), vi.spyOn(target, "removeEventListener")] as const,
    ])
    await following()
    client.disconnect()
    expect(vi.getTimerCount()).toBe(0)
    expect(network.sockets.map((socket) => socket.closed)).toEqual([true])
    for (const [add, remove] of counted) {
      expect(add.mock.calls.length).toBeGreaterThan(0)
      expect(remove.mock.calls.map(([name, handler]) => [name, handler])).toEqual(add.mock.calls.map(([name, handler]) => [name, handler]))
    }
  })

  it("keeps subscriptions and positions for the next connect", async () => {
    await following()
    client.disconnect()
    await connected()
    expect(network.last.sent).toEqual([asked("subscribe with since", { id: 2 })])
  })

  it("rejects who waits", async () => {
    client.subscribe("orders", () => {})
    const ready = client.ready("orders")
    client.connect()
    client.disconnect()
    await expect(ready).rejects.toMatchObject({ code: "disconnected" })
  })
})

describe("coming back", () => {
  it("waits from 1 s to 30 s, doubling, and begins anew once the server has said something", async () => {
    await connected()
    expect(await delays(7)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
    network.last.open()
    network.last.say(said("subscribed"))
    expect(await delays(2)).toEqual([1_000, 2_000])
  })

  it("waits up to half as long by chance", async () => {
    await connected()
    vi.spyOn(Math, "random").mockReturnValue(1)
    expect(await delays(3)).toEqual([500, 1_000, 2_000])
  })

  it("keeps the delay that the server names, and does not wake from it", async () => {
    await connected()
    network.last.end(1012, "retry-after=1.7")
    expect(client.lastClose).toEqual({ code: 1012, reason: "retry-after=1.7", final: false })
    window.dispatchEvent(new Event("online"))
    await after(1_699)
    expect(network.sockets).toHaveLength(1)
    await after(1)
    expect(network.sockets).toHaveLength(2)
  })

  it("happens at once when the network is back, or somebody looks at the page", async () => {
    await connected()
    for (const wake of [() => window.dispatchEvent(new Event("online")), () => document.dispatchEvent(new Event("visibilitychange"))]) {
      const count = network.sockets.length
      network.last.end()
      await turn()
      wake()
      wake()
      await turn()
      expect(network.sockets).toHaveLength(count + 1)
    }
  })

  it("does not happen sooner because somebody looks away", async () => {
    await connected()
    network.last.end()
    vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden")
    document.dispatchEvent(new Event("visibilitychange"))
    await turn()
    expect(network.sockets).toHaveLength(1)
  })

  it("happens at once when the machine wakes from sleep", async () => {
    await connected()
    await delays(6)
    network.last.end()
    vi.setSystemTime(Date.now() + 3_600_000)
    await after(5_000)
    expect(network.sockets).toHaveLength(8)
  })

  it.each([1000, 1001, 1005, 1006, 1011, 1012, 4408])("follows a close with %i", async (code) => {
    await connected()
    network.last.end(code)
    expect(client.state).toBe("reconnecting")
  })

  it.each([1002, 1007, 1008, 1009, 4401, 4403])("does not follow a close with %i, and the reason can be seen", async (code) => {
    client.subscribe("orders", () => {})
    await connected()
    const ready = client.ready("orders")
    network.last.end(code, "no more")
    expect(client.state).toBe("disconnected")
    expect(client.lastClose).toEqual({ code, reason: "no more", final: true })
    expect(vi.getTimerCount()).toBe(0)
    await expect(ready).rejects.toMatchObject({ code: "disconnected", message: `${code} no more` })
    await expect(client.ready("orders")).rejects.toBeInstanceOf(BroadcastError)
    client.connect()
    expect(client.lastClose).toBeNull()
  })

  it("gives up an address that can never work, and says why", async () => {
    client = make({
      socket: () => {
        throw new SyntaxError("not an address")
      },
    })
    client.connect()
    await turn()
    expect(client.lastClose).toMatchObject({ final: true, reason: expect.stringContaining("not an address") })
    expect(client.state).toBe("disconnected")
  })

  it("recovers: each event once, and none is missing", async () => {
    const offsets: unknown[] = []
    await following(({ offset }) => offsets.push(offset))
    network.last.say(said("event", { offset: 42 }))
    network.last.end()
    await after(1_000)
    network.last.open()
    expect(network.last.sent).toEqual([asked("subscribe with since", { id: 2, since: { orders: { epoch: "k3f9", offset: 42 } } })])
    network.last.say(said("subscribed, recovered", { id: 2, subscribed: { orders: { epoch: "k3f9", offset: 42, recovered: true } } }))
    network.last.say(said("event", { offset: 43 }), said("event", { offset: 43 }), said("event", { offset: 44 }))
    expect(offsets).toEqual([42, 43, 44])
  })

  it("says where it could not recover", async () => {
    const resets: string[] = []
    client.onReset((channel) => resets.push(channel))
    await following()
    network.last.end()
    await after(1_000)
    network.last.open()
    network.last.say(said("subscribed, not recovered", { id: 2 }), said("reset"))
    expect(resets).toEqual(["orders"])
  })
})

describe("a connection that is dead", () => {
  it("is noticed by a ping that nobody answers", async () => {
    await following()
    await after(30_000)
    expect(network.last.sent.at(-1)).toEqual({ ping: 1 })
    network.last.say(said("pong", { pong: 1 }))
    await after(29_000)
    expect(network.last.sent.filter((frame) => "ping" in frame)).toHaveLength(1)
    await after(6_000)
    expect(network.last.sent.filter((frame) => "ping" in frame)).toHaveLength(2)
    await after(5_000)
    expect(client.state).toBe("reconnecting")
    expect(client.lastClose).toMatchObject({ code: 1006, final: false })
    expect(network.sockets[0]!.closed).toBe(true)
  })

  it("is asked at once when the network is back", async () => {
    await following()
    window.dispatchEvent(new Event("online"))
    window.dispatchEvent(new Event("online"))
    expect(network.last.sent.filter((frame) => "ping" in frame)).toHaveLength(1)
    await after(5_000)
    expect(client.state).toBe("reconnecting")
  })

  it("is not pinged while events come", async () => {
    await following()
    for (let offset = 42; offset < 52; offset++) {
      await after(20_000)
      network.last.say(said("event", { offset }))
    }
    expect(network.last.sent).toHaveLength(1)
  })

  it("is pinged when the application says so", async () => {
    client = make({ pingAfter: 5_000 })
    await following()
    await after(5_000)
    expect(network.last.sent.at(-1)).toEqual({ ping: 1 })
  })

  it("before it has opened is given up after ten seconds", async () => {
    client.connect()
    await after(10_000)
    expect(client.lastClose).toMatchObject({ code: 1006, reason: "the server did not answer" })
    await after(1_000)
    expect(network.sockets.map((socket) => socket.closed)).toEqual([true, false])
  })
})

describe("subscribing", () => {
  it("works before connecting, and several in one turn are one frame", async () => {
    client.subscribe("orders", () => {})
    client.subscribe("contacts", () => {})
    client.subscribe("orders", () => {})
    await connected()
    expect(network.last.sent).toEqual([asked("subscribe", { id: 1 })])
  })

  it("and unsubscribing in one turn says nothing", async () => {
    await connected()
    client.subscribe("orders", () => {})()
    await turn()
    expect(network.last.sent).toEqual([])
  })

  it("goes on while a handler of the same channel throws", async () => {
    const complaints = vi.spyOn(console, "error").mockImplementation(() => {})
    const heard: unknown[] = []
    client.subscribe("orders", () => {
      throw new Error("mine")
    })
    await following((event) => heard.push(event))
    network.last.say(said("event"))
    expect(heard).toEqual([said("event")])
    expect(complaints).toHaveBeenCalledOnce()
  })

  it("never says more than a server admits, and says all of it in the end", async () => {
    await connected()
    const held = (): string[] => {
      const names = new Set<string>()
      for (const frame of network.last.sent) {
        if ("subscribe" in frame) frame.subscribe.forEach((name) => names.add(name))
        if ("unsubscribe" in frame) frame.unsubscribe.forEach((name) => names.delete(name))
      }
      return [...names]
    }
    for (let second = 1; second <= 5; second++) {
      for (let n = 0; n < 100; n++) {
        const leave = client.subscribe(`c${second}:${n}`, () => {})
        await turn()
        if (n < 99) leave()
        await after(10)
      }
      expect(network.last.sent.length).toBeLessThanOrEqual(110 + 50 * second)
    }
    await after(1_000)
    expect(held()).toEqual([1, 2, 3, 4, 5].map((second) => `c${second}:99`))
    for (let n = 0; n < 200; n++) {
      client.subscribe("late", () => {})()
      client.subscribe(`late:${n}`, () => {})
      await turn()
    }
    client.disconnect() // in the midst of it
  })

  it("asks for a snapshot again", async () => {
    await following()
    client.refresh("orders")
    expect(network.last.sent.at(-1)).toEqual({ refresh: ["orders"] })
  })

  it("is ready with the server's reply", async () => {
    client.subscribe("orders", () => {})
    const ready = client.ready("orders")
    await connected()
    network.last.say(said("subscribed"))
    await ready
  })

  it("tells refusals to who listens, else to the console", async () => {
    const warnings = vi.spyOn(console, "warn").mockImplementation(() => {})
    client.subscribe("orders", () => {})
    await connected()
    network.last.say(said("error of a channel"))
    expect(warnings).toHaveBeenCalledExactlyOnceWith("[broadcast] orders forbidden: not yours")
    const codes: string[] = []
    client.onError(({ code }) => codes.push(code))
    network.last.say(said("error without id"))
    expect(codes).toEqual(["invalid_json"])
    expect(warnings).toHaveBeenCalledOnce()
  })

  it("is tried again where the server cannot just now", async () => {
    client.onError(() => {})
    client.subscribe("orders", () => {})
    await connected()
    network.last.say({ id: 1, error: { code: "unavailable", message: "try again", channel: "orders" } }, { id: 1, subscribed: {} })
    await after(1_000)
    expect(network.last.sent).toEqual([asked("subscribe with id"), asked("subscribe with id", { id: 2 })])
    network.last.say({ id: 2, error: { code: "unavailable", message: "try again", channel: "orders" } })
    client.disconnect()
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe("a server that never replies", () => {
  it("has its events delivered, is ready after five seconds, and is never pinged", async () => {
    const heard: unknown[] = []
    client.subscribe("orders", (event) => heard.push(event.payload))
    client.subscribe("contacts", () => {})
    let ready = false
    await connected()
    void client.ready("contacts").then(() => (ready = true))
    network.last.say({ channel: "orders", event: "created", payload: { n: 1 } } as never)
    await client.ready("orders")
    await after(4_999)
    expect(ready).toBe(false)
    await after(1)
    expect(ready).toBe(true)
    await after(120_000)
    expect(client.state).toBe("connected")
    expect(network.last.sent).toHaveLength(1)
    expect(heard).toEqual([{ n: 1 }])
  })

  it("has each break told, for nothing can be recovered", async () => {
    const resets: string[] = []
    client.onReset((channel) => resets.push(channel))
    client.subscribe("orders", () => {})
    await connected()
    await after(5_000)
    network.last.end()
    await after(1_000)
    network.last.open()
    expect(network.last.sent).toEqual([asked("subscribe with id", { id: 2 })])
    expect(resets).toEqual([])
    await after(5_000)
    expect(resets).toEqual(["orders"])
  })
})

describe("frames that nobody understands", () => {
  it("are passed over", async () => {
    const heard: unknown[] = []
    await following((event) => heard.push(event.offset))
    for (const data of ["", "no JSON", "[]", "null", "17", '{"new": 1}', new ArrayBuffer(1)]) network.last.onmessage?.({ data })
    network.last.say(said("event"))
    expect(heard).toEqual([42])
  })
})
