// @vitest-environment happy-dom
import { describe, expect, it } from "vitest"
import { clientFrame, serverFrame } from "../support/frames.js"
import { advance, client, connect, connectAndSubscribe, create, network } from "../support/fake-time.js"

const pings = (): unknown[] => network.last.sent.filter((frame) => "ping" in frame)

describe("a dead connection", () => {
  it("is detected by a ping without an answer", async () => {
    await connectAndSubscribe()
    await advance(30_000)
    expect(network.last.sent.at(-1)).toEqual({ ping: 1 })
    network.last.receive(serverFrame("pong", { pong: 1 }))
    await advance(29_000)
    expect(pings()).toHaveLength(1)
    await advance(6_000)
    expect(pings()).toHaveLength(2)
    await advance(5_000)
    expect(client.state).toBe("reconnecting")
    expect(client.lastClose).toMatchObject({ code: 1006, final: false })
    expect(network.sockets[0]!.closed).toBe(true)
  })

  it("is pinged at once when the network is back", async () => {
    await connectAndSubscribe()
    window.dispatchEvent(new Event("online"))
    window.dispatchEvent(new Event("online"))
    expect(pings()).toHaveLength(1)
    await advance(5_000)
    expect(client.state).toBe("reconnecting")
  })

  it("is not pinged while events arrive", async () => {
    await connectAndSubscribe()
    for (let offset = 42; offset < 52; offset++) {
      await advance(20_000)
      network.last.receive(serverFrame("event", { offset }))
    }
    expect(network.last.sent).toHaveLength(1)
  })

  it("is pinged after the silence that pingAfter sets", async () => {
    create({ pingAfter: 5_000 })
    await connectAndSubscribe()
    await advance(5_000)
    expect(network.last.sent.at(-1)).toEqual({ ping: 1 })
  })

  it("is closed after ten seconds if the socket does not open", async () => {
    client.connect()
    await advance(10_000)
    expect(client.lastClose).toMatchObject({ code: 1006, reason: "the server did not answer" })
    await advance(1_000)
    expect(network.sockets.map((socket) => socket.closed)).toEqual([true, false])
  })
})

describe("a connection without subscriptions", () => {
  it("is pinged when it opens: a server that answers is pinged again later", async () => {
    await connect()
    expect(network.last.sent).toEqual([{ ping: 1 }])
    network.last.receive(serverFrame("pong", { pong: 1 }))
    await advance(35_000)
    expect(pings()).toHaveLength(2)
    await advance(5_000)
    expect(client.lastClose).toMatchObject({ code: 1006, reason: "a ping was not answered" })
  })

  it("stays open if the server never replies", async () => {
    await connect()
    await advance(120_000)
    expect(client.state).toBe("connected")
    expect(network.last.sent).toEqual([{ ping: 1 }])
  })
})

describe("a server that never replies", () => {
  it("gets no ping; its events are delivered, and ready() resolves at the first event or after five seconds", async () => {
    const payloads: unknown[] = []
    client.subscribe("orders", (event) => payloads.push(event.payload))
    client.subscribe("contacts", () => {})
    let ready = false
    await connect()
    void client.ready("contacts").then(() => (ready = true))
    network.last.receive({ channel: "orders", event: "created", payload: { n: 1 } } as never)
    await client.ready("orders")
    await advance(4_999)
    expect(ready).toBe(false)
    await advance(1)
    expect(ready).toBe(true)
    await advance(120_000)
    expect(client.state).toBe("connected")
    expect(network.last.sent).toHaveLength(1)
    client.subscribe("later", () => {})
    const later = client.ready("later")
    await advance(5_000)
    await later
    expect(payloads).toEqual([{ n: 1 }])
  })

  it("does not make the reconnect delay grow after it was silent for five seconds", async () => {
    await connect()
    network.last.end()
    await advance(1_000)
    network.last.open()
    await advance(5_000)
    network.last.end()
    await advance(1_000)
    expect(network.sockets).toHaveLength(3)
  })

  it("causes a reset at every reconnect, for nothing can be recovered", async () => {
    const resets: string[] = []
    client.onReset((channel) => resets.push(channel))
    client.subscribe("orders", () => {})
    await connect()
    await advance(5_000)
    network.last.end()
    await advance(1_000)
    network.last.open()
    expect(network.last.sent).toEqual([clientFrame("subscribe with id", { id: 2 })])
    expect(resets).toEqual([])
    await advance(5_000)
    expect(resets).toEqual(["orders"])
  })
})

describe("messages that are no frames", () => {
  it("are ignored", async () => {
    const offsets: unknown[] = []
    await connectAndSubscribe((event) => offsets.push(event.offset))
    for (const data of ["", "no JSON", "[]", "null", "17", '{"new": 1}', new ArrayBuffer(1)]) network.last.onmessage?.({ data })
    network.last.receive(serverFrame("event"))
    expect(offsets).toEqual([42])
  })
})
