/** Collects invalidations of a query cache for a moment, then runs them together. No React. */

import { hashKey, type QueryClient, type QueryFilters, type QueryKey } from "@tanstack/react-query"

const BATCH_DELAY = 50 // milliseconds; the events of a burst come closer together than that
const FETCH_TIMEOUT = 5_000

interface Stale {
  prefix: QueryKey
  all: boolean
  ids: Set<unknown>
}

const instances = new WeakMap<QueryClient, Invalidations>()

/** Runs one batch at a time: what becomes stale during its fetches forms the next batch. */
export class Invalidations {
  readonly #client: QueryClient
  readonly #watchers = new Map<string, number>()
  #stale = new Map<string, Stale>()
  #running = false

  private constructor(client: QueryClient) {
    this.#client = client
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

  /** Invalidates the entity with that id and the list with exactly this key; without an id, every query under the prefix. */
  add(prefix: QueryKey, id?: unknown): void {
    const hash = hashKey(prefix)
    const stale = this.#stale.get(hash) ?? { prefix, all: false, ids: new Set() }
    this.#stale.set(hash, stale)
    if (id === undefined || id === null) stale.all = true
    else stale.ids.add(id)
    if (!this.#running) void this.#run()
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
    const uncertain = batch.filter((stale) => filters(stale).some((filter) => this.#isFirstFetch(filter)))
    const timeout = delay(FETCH_TIMEOUT) // a fetch that hangs must not hold up the next batch
    const fetched = batch.flatMap(filters).map((filter) => this.#client.invalidateQueries(filter))
    await Promise.race([Promise.allSettled(fetched), timeout.over])
    timeout.cancel()
    for (const { prefix, all, ids } of uncertain) for (const id of all ? [null] : ids) this.add(prefix, id)
  }

  #isFirstFetch(filter: QueryFilters): boolean {
    const found = this.#client.getQueryCache().findAll(filter)
    return found.some(({ state }) => state.fetchStatus === "fetching" && state.data === undefined)
  }
}

function filters({ prefix, all, ids }: Stale): QueryFilters[] {
  if (all) return [{ queryKey: prefix }]
  const entities = Array.from(ids, (id) => ({ queryKey: [...prefix, id] }))
  return [...entities, { queryKey: prefix, exact: true }]
}

function delay(milliseconds: number): { over: Promise<void>; cancel: () => void } {
  let timer: ReturnType<typeof setTimeout>
  const over = new Promise<void>((resolve) => (timer = setTimeout(resolve, milliseconds)))
  return { over, cancel: () => clearTimeout(timer) }
}
