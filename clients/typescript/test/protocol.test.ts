import { describe, expect, it } from "vitest"
import { isChannel, read } from "../src/protocol.js"
import { Subscriptions } from "../src/subscriptions.js"
import { asked, frames } from "./support/golden.js"

describe("the golden frames", () => {
  it.each(frames.server)("$name is read", ({ frame }) => {
    expect(read(JSON.stringify(frame))).toEqual(frame)
  })

  it.each(frames.server)("$name harms nobody who did not ask for it", ({ frame }) => {
    const subscriptions = new Subscriptions({ changed() {}, retry() {}, joined() {}, reset() {}, failed() {} }, 128)
    subscriptions.opened()
    subscriptions.receive(read(JSON.stringify(frame))!)
    expect(subscriptions.frames()).toEqual([])
  })

  it("are what this client says", () => {
    const subscriptions = new Subscriptions({ changed() {}, retry() {}, joined() {}, reset() {}, failed() {} }, 128)
    const leave = subscriptions.add("orders", () => {})
    subscriptions.opened()
    expect(subscriptions.frames()).toEqual([asked("subscribe with id")])
    leave()
    expect(subscriptions.frames()).toEqual([asked("unsubscribe", { id: undefined })])
  })

  it("that refuse a channel's name refuse it here", () => {
    const named = frames.refused.filter(({ error }) => error.code === "invalid_channel")
    for (const { text } of named) expect(JSON.parse(text).subscribe.some(isChannel)).toBe(false)
    expect(named).not.toHaveLength(0)
  })
})

describe("read", () => {
  it.each(["", "subscribe orders", "NaN", "17", '"text"', "null", undefined, new ArrayBuffer(1)])("finds no frame in %j", (data) => {
    expect(read(data)).toBeNull()
  })
})

it("a channel's name is 1 to 200 of the allowed characters", () => {
  expect(["a", "A-Z_0.9:/@", "x".repeat(200)].every(isChannel)).toBe(true)
  expect(["", "a b", "*", "x".repeat(201), "a\n", "ü", "a,b"].some(isChannel)).toBe(false)
})
