import { afterEach, beforeEach, expect, it, vi } from "vitest"
import { Timer } from "../src/timer.js"

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

it("forgets what was set when it is set anew, or cleared", () => {
  const timer = new Timer()
  const due: string[] = []
  timer.set(10, () => due.push("first"))
  timer.set(20, () => due.push("second"))
  vi.advanceTimersByTime(100)
  timer.set(10, () => due.push("third"))
  timer.clear()
  vi.advanceTimersByTime(100)
  expect(due).toEqual(["second"])
})

it("takes delays of any length", () => {
  const set = vi.spyOn(globalThis, "setTimeout")
  new Timer().set(2 ** 40, () => {})
  expect(set.mock.calls[0]![1]).toBe(2 ** 31 - 1)
})
