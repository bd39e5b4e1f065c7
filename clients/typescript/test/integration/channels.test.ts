import { describe, expect, inject, it } from "vitest"
import { client, following, socket } from "../support/clients.js"
import { Server } from "../support/server.js"
import { until } from "../support/until.js"

const shared = Server.at(inject("port"))

describe("channels", () => {
  it("subscribed before connecting are ready once connected", async () => {
    const one = client(shared.url)
    one.disconnect()
    const ready = following(one, "early:1")
    one.connect()
    const heard = await ready
    await shared.publish("early:1", { payload: { entity_id: "1" } })
    await until(() => heard.length === 1)
    expect(heard[0]).toEqual({
      channel: "early:1",
      event: "created",
      payload: { entity_id: "1" },
      offset: 1,
      timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
    })
  })

  it("are held by the server from the first handler to the last", async () => {
    const one = client(shared.url)
    const first = one.subscribe("counted:1", () => {})
    const second = one.subscribe("counted:1", () => {})
    await one.ready("counted:1")
    expect((await shared.count())["counted:1"]).toBe(1)
    first()
    await one.ready("counted:1")
    expect((await shared.count())["counted:1"]).toBe(1)
    second()
    await until(async () => !(await shared.count())["counted:1"])
  })

  it("that are refused reject, and the others come", async () => {
    const one = client(shared.url)
    const refused: unknown[] = []
    one.onError((error) => refused.push([error.code, error.channel]))
    one.subscribe("secret:1", () => {})
    const heard = await following(one, "open:1")
    await expect(one.ready("secret:1")).rejects.toMatchObject({ code: "forbidden", message: "not yours" })
    await shared.publish("open:1")
    await until(() => heard.length === 1)
    expect(refused).toEqual([["forbidden", "secret:1"]])
  })

  it("that end are told", async () => {
    const one = client(shared.url)
    const ended: unknown[] = []
    one.onError(({ code, channel }) => ended.push([code, channel]))
    await following(one, "ending:1")
    await shared.post("/end/ending:1")
    await until(() => ended.length > 0)
    expect(ended).toEqual([["ended", "ending:1"]])
    const heard = await following(one, "ending:1")
    await shared.publish("ending:1")
    await until(() => heard.length === 1)
  })

  it("with a snapshot begin with it, and give another when asked", async () => {
    const one = client(shared.url)
    const heard = await following(one, "room:7")
    await shared.publish("room:7")
    one.refresh("room:7")
    await until(() => heard.length === 3)
    expect(heard.map(({ event, offset }) => [event, offset])).toEqual([["snapshot", 0], ["created", 1], ["snapshot", 1]])
    await shared.publish("room:7")
    await until(() => heard.length === 4)
    expect(heard[3]!.offset).toBe(2)
  })

  it("beyond what a connection may hold wait for room", async () => {
    const one = client(shared.url)
    one.onError(() => {})
    const leave = Array.from({ length: 130 }, (_, n) => one.subscribe(`many:${n}`, () => {}))
    await one.ready("many:127")
    await expect(one.ready("many:129")).rejects.toMatchObject({ code: "too_many_channels" })
    for (const end of leave.slice(0, 10)) end()
    await until(async () => (await shared.count())["many:129"] === 1)
    expect(one.state).toBe("connected")
  })

  it("that come and go faster than a server admits are not refused", async () => {
    const one = client(shared.url)
    const refused: string[] = []
    one.onError(({ code }) => refused.push(code))
    for (let n = 0; n < 400; n++) {
      const leave = one.subscribe(`fast:${n}`, () => {})
      await Promise.resolve()
      await Promise.resolve()
      if (n < 399) leave()
    }
    await one.ready("fast:399")
    expect(refused).toEqual([])
    await until(async () => Object.keys(await shared.count()).filter((name) => name.startsWith("fast:")).join() === "fast:399")
  })

  it("carry whose doing an event is", async () => {
    const one = client(shared.url, { origin: "tab-1" })
    const heard = await following(one, "origins:1")
    await shared.publish("origins:1", { origin: one.origin })
    await until(() => heard.length === 1)
    expect(heard[0]!.origin).toBe("tab-1")
  })
})

it("disconnect leaves no socket", async () => {
  const others = (await shared.count())[""]!
  const one = client(shared.url)
  await following(one, "leaving:1")
  one.disconnect()
  await until(async () => !(await shared.count())["leaving:1"] && (await shared.count())[""]! <= others)
})

it("a client that sends no ids is served beside this one", async () => {
  const simple = socket(shared.url)
  const heard: string[] = []
  simple.onmessage = ({ data }) => heard.push(JSON.parse(String(data)).event)
  simple.onopen = () => simple.send('{"subscribe": ["simple:1"]}')
  await until(async () => (await shared.count())["simple:1"] === 1)
  const events = await following(client(shared.url), "simple:1")
  await shared.publish("simple:1")
  await until(() => heard.length === 1 && events.length === 1)
  simple.close()
})
