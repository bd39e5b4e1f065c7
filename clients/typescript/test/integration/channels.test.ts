import { describe, expect, inject, it } from "vitest"
import { collectEvents, connectClient, socket } from "../support/clients.js"
import { Server } from "../support/server.js"
import { until } from "../support/until.js"

const shared = Server.at(inject("port"))

describe("a channel", () => {
  it("subscribed before connect() is ready once connected", async () => {
    const client = connectClient(shared.url)
    client.disconnect()
    const ready = collectEvents(client, "early:1")
    client.connect()
    const events = await ready
    await shared.publish("early:1", { payload: { entity_id: "1" } })
    await until(() => events.length === 1)
    expect(events[0]).toEqual({
      channel: "early:1",
      event: "created",
      payload: { entity_id: "1" },
      offset: 1,
      timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
    })
  })

  it("is subscribed at the server from the first handler to the last", async () => {
    const client = connectClient(shared.url)
    const first = client.subscribe("counted:1", () => {})
    const second = client.subscribe("counted:1", () => {})
    await client.ready("counted:1")
    expect((await shared.count())["counted:1"]).toBe(1)
    first()
    await client.ready("counted:1")
    expect((await shared.count())["counted:1"]).toBe(1)
    second()
    await until(async () => !(await shared.count())["counted:1"])
  })

  it("that is refused rejects, and the other channels work", async () => {
    const client = connectClient(shared.url)
    const refused: unknown[] = []
    client.onError((error) => refused.push([error.code, error.channel]))
    client.subscribe("secret:1", () => {})
    const events = await collectEvents(client, "open:1")
    await expect(client.ready("secret:1")).rejects.toMatchObject({ code: "forbidden", message: "not yours" })
    await shared.publish("open:1")
    await until(() => events.length === 1)
    expect(refused).toEqual([["forbidden", "secret:1"]])
  })

  it("that ends is reported, and can be subscribed again", async () => {
    const client = connectClient(shared.url)
    const ended: unknown[] = []
    client.onError(({ code, channel }) => ended.push([code, channel]))
    await collectEvents(client, "ending:1")
    await shared.post("/end/ending:1")
    await until(() => ended.length > 0)
    expect(ended).toEqual([["ended", "ending:1"]])
    const events = await collectEvents(client, "ending:1")
    await shared.publish("ending:1")
    await until(() => events.length === 1)
  })

  it("with a snapshot delivers it first, and again after refresh()", async () => {
    const client = connectClient(shared.url)
    const events = await collectEvents(client, "room:7")
    await shared.publish("room:7")
    client.refresh("room:7")
    await until(() => events.length === 3)
    expect(events.map(({ event, offset }) => [event, offset])).toEqual([["snapshot", 0], ["created", 1], ["snapshot", 1]])
    await shared.publish("room:7")
    await until(() => events.length === 4)
    expect(events[3]!.offset).toBe(2)
  })

  it("waits for room if the connection holds as many as it may", async () => {
    const client = connectClient(shared.url)
    client.onError(() => {})
    const unsubscribes = Array.from({ length: 130 }, (_, n) => client.subscribe(`many:${n}`, () => {}))
    await client.ready("many:127")
    await expect(client.ready("many:129")).rejects.toMatchObject({ code: "too_many_channels" })
    for (const unsubscribe of unsubscribes.slice(0, 10)) unsubscribe()
    await until(async () => (await shared.count())["many:129"] === 1)
    expect(client.state).toBe("connected")
  })

  it("is not refused when subscriptions change faster than the server allows", async () => {
    const client = connectClient(shared.url)
    const refused: string[] = []
    client.onError(({ code }) => refused.push(code))
    for (let n = 0; n < 400; n++) {
      const unsubscribe = client.subscribe(`fast:${n}`, () => {})
      await Promise.resolve()
      await Promise.resolve()
      if (n < 399) unsubscribe()
    }
    await client.ready("fast:399")
    expect(refused).toEqual([])
    await until(async () => Object.keys(await shared.count()).filter((name) => name.startsWith("fast:")).join() === "fast:399")
  })

  it("carries the origin of an event", async () => {
    const client = connectClient(shared.url, { origin: "tab-1" })
    const events = await collectEvents(client, "origins:1")
    await shared.publish("origins:1", { origin: client.origin })
    await until(() => events.length === 1)
    expect(events[0]!.origin).toBe("tab-1")
  })
})

describe("a server that allows few frames", () => {
  const url = shared.url.replace("/broadcast", "/strict")
  const channels = Array.from({ length: 8 }, (_, n) => `strict:${n}`)

  /** Calls back for each channel in a turn of its own, so that each one costs a frame. */
  async function separately(names: string[], callback: (name: string) => void): Promise<void> {
    for (const name of names) {
      callback(name)
      await Promise.resolve()
      await Promise.resolve()
    }
  }

  it("is asked again after the time it names, until it has all channels, and until it has none", async () => {
    const client = connectClient(url)
    const codes = new Set<string>()
    client.onError(({ code }) => codes.add(code))
    await until(() => client.state === "connected")
    const unsubscribes: (() => void)[] = []
    await separately(channels, (name) => unsubscribes.push(client.subscribe(name, () => {})))
    await Promise.all(channels.map((name) => client.ready(name)))
    expect([...codes]).toEqual(["rate_limited"])
    await separately(channels, () => unsubscribes.pop()!())
    await until(async () => {
      const held = await shared.count("/strict/count")
      return channels.every((name) => !held[name])
    })
    expect(client.state).toBe("connected")
  })
})

it("disconnect() leaves no socket at the server", async () => {
  const before = (await shared.count())[""]!
  const client = connectClient(shared.url)
  await collectEvents(client, "leaving:1")
  client.disconnect()
  await until(async () => !(await shared.count())["leaving:1"] && (await shared.count())[""]! <= before)
})

it("a simple client that sends no ids gets the same events", async () => {
  const simple = socket(shared.url)
  const received: string[] = []
  simple.onmessage = ({ data }) => received.push(JSON.parse(String(data)).event)
  simple.onopen = () => simple.send('{"subscribe": ["simple:1"]}')
  await until(async () => (await shared.count())["simple:1"] === 1)
  const events = await collectEvents(connectClient(shared.url), "simple:1")
  await shared.publish("simple:1")
  await until(() => received.length === 1 && events.length === 1)
  simple.close()
})
