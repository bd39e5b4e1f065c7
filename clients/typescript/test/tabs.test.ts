import { afterEach, describe, expect, it } from "vitest"
import { BroadcastClient, type BroadcastEvent } from "@pattern-stack/broadcast"
import { FakeNetwork } from "./support/socket.js"

const clients: BroadcastClient[] = []

afterEach(() => {
  for (const client of clients.splice(0)) client.disconnect()
})

interface Tab {
  client: BroadcastClient
  events: BroadcastEvent[]
  next: () => Promise<BroadcastEvent>
}

function openTab(url = "ws://server/ws/broadcast"): Tab {
  const client = new BroadcastClient(url, { socket: new FakeNetwork().socket })
  clients.push(client)
  client.connect()
  const events: BroadcastEvent[] = []
  const waiting: ((event: BroadcastEvent) => void)[] = []
  client.subscribe("orders", (event) => {
    events.push(event)
    waiting.shift()?.(event)
  })
  return { client, events, next: () => new Promise((resolve) => waiting.push(resolve)) }
}

describe("emit()", () => {
  it("reaches the other tabs without a server, and never its own tab", async () => {
    const [one, two, three] = [openTab(), openTab(), openTab()]
    const arrived = Promise.all([two.next(), three.next()])
    one.client.emit("orders", "created", { entity_id: "1" })
    const expected = { channel: "orders", event: "created", payload: { entity_id: "1" }, timestamp: expect.any(String), origin: one.client.origin }
    expect(await arrived).toEqual([expected, expected])
    const back = one.next()
    two.client.emit("orders", "marker", {})
    expect((await back).event).toBe("marker")
    expect(one.events.map(({ event }) => event)).toEqual(["marker"])
  })

  it("reaches no tab with another URL, and no subscriber of another channel", async () => {
    const [one, two, other] = [openTab(), openTab(), openTab("ws://elsewhere")]
    const marker = two.next()
    one.client.emit("contacts", "created", {})
    one.client.emit("orders", "marker", {})
    expect((await marker).event).toBe("marker")
    expect([two.events.length, other.events.length]).toEqual([1, 0])
  })

  it("reaches no disconnected tab, and does nothing in one", async () => {
    const [one, two, three] = [openTab(), openTab(), openTab()]
    two.client.disconnect()
    const marker = three.next()
    one.client.emit("orders", "marker", {})
    await marker
    one.client.disconnect()
    one.client.emit("orders", "lost", {})
    expect(two.events).toEqual([])
    one.client.connect()
    const again = three.next()
    one.client.emit("orders", "again", {})
    expect((await again).event).toBe("again")
  })
})
