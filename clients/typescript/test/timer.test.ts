import { afterEach, beforeEach, expect, it, vi } from "vitest"
import { Timer } from "../src/timer.js"

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

it("set() and clear() cancel the timeout before", () => {
  const timer = new Timer()
  const fired: string[] = []
  timer.set(10, () => fired.push("first"))
  timer.set(20, () => fired.push("second"))
  vi.advanceTimersByTime(100)
  timer.set(10, () => fired.push("third"))
  timer.clear()
  vi.advanceTimersByTime(100)
  expect(fired).toEqual(["second"])
})

it("set() takes delays of any length", () => {
  const set = vi.spyOn(globalThis, "setTimeout")
  new Timer().set(2 ** 40, () => {})
  expect(set.mock.calls[0]![1]).toBe(2 ** 31 - 1)
})
