import { beforeEach, describe, expect, it, vi } from "vitest"
import type { BroadcastError, Member } from "@pattern-stack/broadcast"
import type { ServerFrame } from "../../src/protocol.js"
import { client, connect, flush, network } from "../support/fake-time.js"

const position = { epoch: "k3f9", offset: 0 }
const ann = { connection_id: "c1", user: "ann" }
const bob = { connection_id: "c2", user: "bob" }
const frames = (kind: string): any[] => network.last.sent.filter((frame) => kind in frame)
const answer = (frame: object): void => network.last.receive(frame as ServerFrame)
const tell = (event: string, payload: object): void => answer({ channel: "room:7", event, payload, timestamp: "" })

/** Frames of presence and states are sent after the chunk that carries them has loaded. */
async function sent(kind: string, count: number): Promise<any[]> {
  for (let turn = 0; frames(kind).length < count && turn < 1_000; turn++) {
    await import("@pattern-stack/broadcast/upstream")
    await flush()
  }
  expect(frames(kind)).toHaveLength(count)
  return frames(kind)
}

async function join(): Promise<void> {
  const [{ id }] = await sent("subscribe", 1)
  answer({ id, subscribed: { "room:7": position } })
  await flush()
}

async function reconnect(): Promise<void> {
  network.last.end()
  await vi.advanceTimersByTimeAsync(1_000)
  network.last.open()
  await join()
}

describe("presence()", () => {
  let seen: (readonly Member[])[]
  let end: () => void

  beforeEach(async () => {
    seen = []
    end = client.presence("room:7").onChange((members) => seen.push(members))
    await connect()
    await join()
  })

  async function answerMembers(members: object[], question = 0): Promise<void> {
    const { id, presence } = (await sent("presence", question + 1))[question]
    expect(presence).toEqual(["room:7"])
    answer({ id, presence: { "room:7": { count: members.length, members } } })
  }

  it("asks who is there, and follows who comes, goes and shows something", async () => {
    await answerMembers([ann])
    tell("presence-joined", { ...bob, count: 2 })
    tell("presence-state", { ...bob, state: { typing: true } })
    tell("presence-state", { ...bob, state: null })
    tell("presence-left", { ...ann, count: 1 })
    tell("message", { text: "no presence" })
    expect(seen).toEqual([[ann], [ann, bob], [ann, { ...bob, state: { typing: true } }], [ann, bob], [bob]])
    expect(client.presence("room:7").members).toBe(seen.at(-1))
    expect(frames("presence")).toHaveLength(1)
  })

  it("applies what comes before the answer after it", async () => {
    await sent("presence", 1)
    tell("presence-joined", { ...bob, count: 2 })
    tell("presence-left", { ...ann, count: 1 })
    await answerMembers([ann])
    expect(seen.at(-1)).toEqual([bob])
  })

  it("asks again when the count shows that something was missed", async () => {
    await answerMembers([ann])
    tell("presence-joined", { ...bob, count: 3 })
    const carl = { connection_id: "c3", user: "carl" }
    await answerMembers([ann, bob, carl], 1)
    expect(seen.at(-1)).toEqual([ann, bob, carl])
  })

  it("asks again after a reconnect and after a reset", async () => {
    await answerMembers([ann])
    await reconnect()
    await answerMembers([bob])
    expect(seen.at(-1)).toEqual([bob])
    answer({ reset: { "room:7": { epoch: "x81c", offset: 0 } } })
    await answerMembers([ann, bob], 1)
    expect(seen.at(-1)).toEqual([ann, bob])
  })

  it("asks again where the server refused for a temporary reason", async () => {
    client.onError(() => {})
    answer({ id: (await sent("presence", 1))[0].id, error: { code: "unavailable", message: "the store is away" } })
    await vi.advanceTimersByTimeAsync(1_000)
    await answerMembers([ann], 1)
    expect(seen).toEqual([[ann]])
  })

  it("reports a channel without presence, and does not ask again", async () => {
    const errors: BroadcastError[] = []
    client.onError((error) => errors.push(error))
    answer({ id: (await sent("presence", 1))[0].id, error: { code: "not_found", message: "no presence", channel: "room:7" } })
    await vi.advanceTimersByTimeAsync(4_000)
    expect(errors.map(({ code }) => code)).toEqual(["not_found"])
    expect(frames("presence")).toHaveLength(1)
  })

  it("unsubscribes the channel when nobody listens any more", async () => {
    await answerMembers([ann])
    const endOther = client.presence("room:7").onChange(() => {})
    end()
    await flush()
    expect(frames("unsubscribe")).toEqual([])
    endOther()
    await sent("unsubscribe", 1)
    expect(client.presence("room:7").members).toEqual([])
  })
})

describe("setState()", () => {
  beforeEach(async () => {
    client.subscribe("room:7", () => {})
    await connect()
  })

  it("waits for the channel, and sends what changes meanwhile once", async () => {
    client.setState("room:7", { x: 0 })
    await join()
    const [first] = await sent("state", 1)
    expect(first.state).toEqual({ "room:7": { x: 0 } })
    for (let x = 1; x < 100; x++) client.setState("room:7", { x })
    await flush()
    expect(frames("state")).toHaveLength(1)
    answer({ id: first.id, state: ["room:7"] })
    expect((await sent("state", 2))[1].state).toEqual({ "room:7": { x: 99 } })
  })

  it("is sent again after a reconnect, unless it was taken back", async () => {
    await join()
    client.setState("room:7", { x: 1 })
    await sent("state", 1)
    await reconnect()
    const [again] = await sent("state", 1)
    expect(again.state).toEqual({ "room:7": { x: 1 } })
    client.setState("room:7", null)
    answer({ id: again.id, state: ["room:7"] })
    const [, gone] = await sent("state", 2)
    expect(gone.state).toEqual({ "room:7": null })
    answer({ id: gone.id, state: ["room:7"] })
    await reconnect()
    expect(frames("state")).toEqual([])
  })

  it("is tried again where the server refused for a temporary reason", async () => {
    client.onError(() => {})
    await join()
    client.setState("room:7", { x: 1 })
    answer({ id: (await sent("state", 1))[0].id, error: { code: "rate_limited", message: "too fast", retry_after: 0.4 } })
    await vi.advanceTimersByTimeAsync(400)
    expect((await sent("state", 2))[1].state).toEqual({ "room:7": { x: 1 } })
  })

  it.each([
    ["a channel that is not subscribed", () => client.setState("room:8", {}), undefined],
    ["what is no object", () => client.setState("room:7", [] as object), "invalid_message"],
    ["more than 4 KiB", () => client.setState("room:7", { text: "x".repeat(5_000) }), "invalid_message"],
  ])("sends nothing for %s", async (_, call, code) => {
    const errors: BroadcastError[] = []
    client.onError((error) => errors.push(error))
    await join()
    call()
    await client.send("room:9", "a").catch(() => {}) // the chunk has loaded
    await flush()
    expect(frames("state")).toEqual([])
    expect(errors.map((error) => error.code)).toEqual(code === undefined ? [] : [code])
  })
})

it("an ephemeral event is delivered once the channel is acknowledged, and moves no position", async () => {
  const events: unknown[] = []
  client.subscribe("room:7", ({ event, ephemeral, offset }) => events.push([event, ephemeral, offset]))
  await connect()
  await join()
  tell("cursor", { x: 1 })
  answer({ channel: "room:7", event: "created", payload: {}, offset: 1, timestamp: "" })
  tell("cursor", { x: 2 })
  expect(events).toEqual([["cursor", true, undefined], ["created", undefined, 1], ["cursor", true, undefined]])
  network.last.end()
  await vi.advanceTimersByTimeAsync(1_000)
  network.last.open()
  expect((await sent("subscribe", 1))[0].since).toEqual({ "room:7": { epoch: "k3f9", offset: 1 } })
})
