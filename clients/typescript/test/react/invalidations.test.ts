import { QueryClient, QueryObserver } from "@tanstack/react-query"
import { afterEach, beforeEach, expect, it, vi } from "vitest"
import { Invalidations } from "../../src/react/invalidations.js"

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

it("invalidations during a fetch wait for it, for at most five seconds", async () => {
  const queries = new QueryClient({ defaultOptions: { queries: { staleTime: Infinity } } })
  const hanging = vi.fn(() => (hanging.mock.calls.length > 1 ? new Promise<number>(() => {}) : Promise.resolve(1)))
  const other = vi.fn(async () => 1)
  const unsubscribes = [
    new QueryObserver(queries, { queryKey: ["hanging"], queryFn: hanging }).subscribe(() => {}),
    new QueryObserver(queries, { queryKey: ["other"], queryFn: other }).subscribe(() => {}),
  ]
  await vi.advanceTimersByTimeAsync(10)
  const invalidations = Invalidations.of(queries)
  invalidations.add(["hanging"])
  await vi.advanceTimersByTimeAsync(50)
  expect(hanging).toHaveBeenCalledTimes(2)
  invalidations.add(["hanging"])
  invalidations.add(["other"])
  await vi.advanceTimersByTimeAsync(4_900)
  expect(hanging).toHaveBeenCalledTimes(2)
  expect(other).toHaveBeenCalledTimes(1)
  await vi.advanceTimersByTimeAsync(100)
  expect(hanging).toHaveBeenCalledTimes(3)
  expect(other).toHaveBeenCalledTimes(2)
  await vi.advanceTimersByTimeAsync(5_000)
  for (const unsubscribe of unsubscribes) unsubscribe()
  queries.clear()
  expect(vi.getTimerCount()).toBe(0)
})
