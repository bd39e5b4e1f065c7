/** Collects invalidations of a query cache for a moment, then runs them together. No React. */

import { hashKey, type QueryClient, type QueryFilters, type QueryKey } from "@tanstack/react-query"
import { Fetches } from "./fetches.js"
import { isConcerned, type Lists } from "./lists.js"

const BATCH_DELAY = 50 // milliseconds; the events of a burst come closer together than that
const FETCH_TIMEOUT = 5_000

interface Stale {
  prefix: QueryKey
  lists: Lists
  all: boolean
  ids: Set<unknown>
}

const instances = new WeakMap<QueryClient, Invalidations>()

/** Runs one batch at a time: what becomes stale during its fetches forms the next batch. */
export class Invalidations {
  readonly #client: QueryClient
  readonly fetches: Fetches
  readonly #watchers = new Map<string, number>()
  #stale = new Map<string, Stale>()
  #running = false

  private constructor(client: QueryClient) {
    this.#client = client
    this.fetches = new Fetches(client)
  }

  /** The one instance of this query client. */
  static of(client: QueryClient): Invalidations {
    const found = instances.get(client) ?? new Invalidations(client)
    instances.set(client, found)
    return found
  }

  /** Counts the hooks under this name. True for the first one. */
  watch(name: string): boolean {
    const count = this.#watchers.get(name) ?? 0
    this.#watchers.set(name, count + 1)
    return count === 0
  }

  unwatch(name: string): void {
    const count = this.#watchers.get(name)! - 1
    if (count) this.#watchers.set(name, count)
    else this.#watchers.delete(name)
  }

  /** Invalidates the entity with that id and the lists that may show it; without an id, every query under the prefix. */
  add(prefix: QueryKey, id?: unknown, lists: Lists = "all"): void {
    const hash = hashKey([lists, prefix])
    const stale = this.#stale.get(hash) ?? { prefix, lists, all: false, ids: new Set() }
    this.#stale.set(hash, stale)
    if (id === undefined || id === null) stale.all = true
    else stale.ids.add(id)
    if (!this.#running) void this.#run()
  }

  /** Whether a query under the prefix is being fetched: what it brings may be older than an event that has come meanwhile. */
  isFetching(prefix: QueryKey): boolean {
    return this.#client.isFetching({ queryKey: prefix }) > 0
  }

  /** Invalidates every query under the prefix that is in the cache. A query that is being fetched now is fresh enough. */
  addOlder(prefix: QueryKey): void {
    void this.#client.invalidateQueries({ queryKey: prefix, predicate: ({ state }) => state.fetchStatus === "idle" })
  }

  async #run(): Promise<void> {
    this.#running = true
    await delay(BATCH_DELAY).over
    while (this.#stale.size > 0) {
      const batch = [...this.#stale.values()]
      this.#stale = new Map()
      await this.#invalidate(batch)
    }
    this.#running = false
  }

  async #invalidate(batch: Stale[]): Promise<void> {
    // invalidation does not restart a first fetch, which may have read old data: fetch again after it
    const uncertain = batch.filter((stale) => this.#isFirstFetch(filterOf(stale)))
    const timeout = delay(FETCH_TIMEOUT) // a fetch that hangs must not hold up the next batch
    const fetched = batch.map((stale) => this.#client.invalidateQueries(filterOf(stale)))
    await Promise.race([Promise.allSettled(fetched), timeout.over])
    timeout.cancel()
    for (const { prefix, all, ids, lists } of uncertain) for (const id of all ? [null] : ids) this.add(prefix, id, lists)
  }

  #isFirstFetch(filter: QueryFilters): boolean {
    const found = this.#client.getQueryCache().findAll(filter)
    return found.some(({ state }) => state.fetchStatus === "fetching" && state.data === undefined)
  }
}

function filterOf({ prefix, lists, all, ids }: Stale): QueryFilters {
  return { queryKey: prefix, ...(!all && { predicate: (query) => isConcerned(query, prefix, ids, lists) }) }
}

function delay(milliseconds: number): { over: Promise<void>; cancel: () => void } {
  let timer: ReturnType<typeof setTimeout>
  const over = new Promise<void>((resolve) => (timer = setTimeout(resolve, milliseconds)))
  return { over, cancel: () => clearTimeout(timer) }
}
