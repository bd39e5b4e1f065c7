import { afterEach, describe, expect, it } from "vitest"
import { BroadcastClient, type BroadcastEvent } from "@pattern-stack/broadcast"
import { Network } from "./support/socket.js"

const clients: BroadcastClient[] = []

afterEach(() => {
  for (const client of clients.splice(0)) client.disconnect()
})

function tab(url = "ws://server/ws/broadcast"): { client: BroadcastClient; heard: BroadcastEvent[]; next: () => Promise<BroadcastEvent> } {
  const client = new BroadcastClient(url, { socket: new Network().socket })
  clients.push(client)
  client.connect()
  const heard: BroadcastEvent[] = []
  const waiting: ((event: BroadcastEvent) => void)[] = []
  client.subscribe("orders", (event) => {
    heard.push(event)
    waiting.shift()?.(event)
  })
  return { client, heard, next: () => new Promise((resolve) => waiting.push(resolve)) }
}

describe("emit", () => {
  it("reaches the other tabs, though the server cannot be reached, and never its own", async () => {
    const [one, two, three] = [tab(), tab(), tab()]
    const arrived = Promise.all([two.next(), three.next()])
    one.client.emit("orders", "created", { entity_id: "1" })
    const expected = { channel: "orders", event: "created", payload: { entity_id: "1" }, timestamp: expect.any(String), origin: one.client.origin }
    expect(await arrived).toEqual([expected, expected])
    const back = one.next()
    two.client.emit("orders", "marker", {})
    expect((await back).event).toBe("marker")
    expect(one.heard.map(({ event }) => event)).toEqual(["marker"])
  })

  it("reaches no tab that is on another address or channel", async () => {
    const [one, two, other] = [tab(), tab(), tab("ws://elsewhere")]
    const marker = two.next()
    one.client.emit("contacts", "created", {})
    one.client.emit("orders", "marker", {})
    expect((await marker).event).toBe("marker")
    expect([two.heard.length, other.heard.length]).toEqual([1, 0])
  })

  it("reaches nobody once either has disconnected", async () => {
    const [one, two, three] = [tab(), tab(), tab()]
    two.client.disconnect()
    const marker = three.next()
    one.client.emit("orders", "marker", {})
    await marker
    one.client.disconnect()
    one.client.emit("orders", "lost", {})
    expect(two.heard).toEqual([])
    one.client.connect()
    const again = three.next()
    one.client.emit("orders", "again", {})
    expect((await again).event).toBe("again")
  })
})
