// @vitest-environment happy-dom
import { describe, expect, it } from "vitest"
import { asked, said } from "../support/golden.js"
import { after, client, connected, following, make, network } from "../support/timed.js"

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
    make({ pingAfter: 5_000 })
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
    client.subscribe("later", () => {})
    const later = client.ready("later")
    await after(5_000)
    await later
    expect(heard).toEqual([{ n: 1 }])
  })

  it("is come back to as soon as one that does", async () => {
    await connected()
    network.last.end()
    await after(1_000)
    network.last.open()
    await after(5_000)
    network.last.end()
    await after(1_000)
    expect(network.sockets).toHaveLength(3)
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
