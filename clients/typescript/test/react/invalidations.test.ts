import { QueryClient, QueryObserver } from "@tanstack/react-query"
import { afterEach, beforeEach, expect, it, vi } from "vitest"
import { Invalidations } from "../../src/react/invalidations.js"

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

it("a fetch that hangs keeps the others waiting for five seconds at most", async () => {
  const queries = new QueryClient({ defaultOptions: { queries: { staleTime: Infinity } } })
  const hangs = vi.fn(() => (hangs.mock.calls.length > 1 ? new Promise<number>(() => {}) : Promise.resolve(1)))
  const other = vi.fn(async () => 1)
  const ends = [
    new QueryObserver(queries, { queryKey: ["hangs"], queryFn: hangs }).subscribe(() => {}),
    new QueryObserver(queries, { queryKey: ["other"], queryFn: other }).subscribe(() => {}),
  ]
  await vi.advanceTimersByTimeAsync(10)
  const invalidations = Invalidations.of(queries)
  invalidations.add(["hangs"])
  await vi.advanceTimersByTimeAsync(50)
  expect(hangs).toHaveBeenCalledTimes(2)
  invalidations.add(["other"])
  await vi.advanceTimersByTimeAsync(4_900)
  expect(other).toHaveBeenCalledTimes(1)
  await vi.advanceTimersByTimeAsync(100)
  expect(other).toHaveBeenCalledTimes(2)
  await vi.advanceTimersByTimeAsync(0)
  for (const end of ends) end()
  queries.clear()
  expect(vi.getTimerCount()).toBe(0)
})
