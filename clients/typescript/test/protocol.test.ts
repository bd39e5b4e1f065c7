import { describe, expect, it } from "vitest"
import { isChannel, parse } from "../src/protocol.js"
import { Subscriptions } from "../src/subscriptions.js"
import { clientFrame, frames } from "./support/frames.js"

const newSubscriptions = (): Subscriptions => new Subscriptions({ changed() {}, retry() {}, joined() {}, reset() {}, failed() {} }, 128)

describe("the golden frames", () => {
  it.each(frames.server)("$name is parsed", ({ frame }) => {
    expect(parse(JSON.stringify(frame))).toEqual(frame)
  })

  it.each(frames.server)("$name has no effect on a client without subscriptions", ({ frame }) => {
    const subscriptions = newSubscriptions()
    subscriptions.opened()
    subscriptions.receive(parse(JSON.stringify(frame))!)
    expect(subscriptions.frames()).toEqual([])
  })

  it("for subscribe and unsubscribe are what this client sends", () => {
    const subscriptions = newSubscriptions()
    const unsubscribe = subscriptions.add("orders", () => {})
    subscriptions.opened()
    expect(subscriptions.frames()).toEqual([clientFrame("subscribe with id")])
    unsubscribe()
    expect(subscriptions.frames()).toEqual([clientFrame("unsubscribe")])
  })

  it("have the same invalid channel names as this client", () => {
    const named = frames.client.filter(({ command }) => "invalid" in command && command.invalid.length > 0)
    for (const { frame, command } of named) expect(frame.subscribe!.filter((name) => !isChannel(name))).toEqual(command.invalid)
    expect(named).not.toHaveLength(0)
  })
})

describe("parse()", () => {
  it.each(["", "subscribe orders", "NaN", "17", '"text"', "null", undefined, new ArrayBuffer(1)])("returns null for %j", (data) => {
    expect(parse(data)).toBeNull()
  })
})

it("a channel name has 1 to 200 of the allowed characters", () => {
  expect(["a", "A-Z_0.9:/@", "x".repeat(200)].every(isChannel)).toBe(true)
  expect(["", "a b", "*", "x".repeat(201), "a\n", "ü", "a,b", undefined, null, 7].some(isChannel)).toBe(false)
})
