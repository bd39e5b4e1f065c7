/** What of a query cache is out of date: collected for a moment, then fetched once. No React. */

import { hashKey, type QueryClient, type QueryFilters, type QueryKey } from "@tanstack/react-query"

const GATHER = 50 // milliseconds: the events of a burst come closer than that
const PATIENCE = 5_000

interface Stale {
  prefix: QueryKey
  whole: boolean
  ids: Set<unknown>
}

const all = new WeakMap<QueryClient, Invalidations>()

/** One at a time is fetched again: what becomes stale meanwhile makes one more after it. */
export class Invalidations {
  readonly #client: QueryClient
  readonly #watchers = new Map<string, number>()
  #stale = new Map<string, Stale>()
  #running = false

  private constructor(client: QueryClient) {
    this.#client = client
  }

  /** Those of this cache, which everything that invalidates it shares. */
  static of(client: QueryClient): Invalidations {
    const found = all.get(client) ?? new Invalidations(client)
    all.set(client, found)
    return found
  }

  /** Whether this is the first that keeps what is named so up to date; `unwatch` when it no longer does. */
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

  /** The entity of that id and the list of exactly this key; without an id, all that begins with the prefix. */
  add(prefix: QueryKey, id?: unknown): void {
    const hash = hashKey(prefix)
    const stale = this.#stale.get(hash) ?? { prefix, whole: false, ids: new Set() }
    this.#stale.set(hash, stale)
    if (id === undefined || id === null) stale.whole = true
    else stale.ids.add(id)
    if (!this.#running) void this.#run()
  }

  /** What begins with the prefix and lies in the cache; what is being fetched just now is new enough. */
  addOlder(prefix: QueryKey): void {
    void this.#client.invalidateQueries({ queryKey: prefix, predicate: ({ state }) => state.fetchStatus === "idle" })
  }

  async #run(): Promise<void> {
    this.#running = true
    await delay(GATHER).over
    while (this.#stale.size > 0) {
      const batch = [...this.#stale.values()]
      this.#stale = new Map()
      await this.#invalidate(batch)
    }
    this.#running = false
  }

  async #invalidate(batch: Stale[]): Promise<void> {
    // A first fetch that is under way may have read what is out of date, and is not begun anew by invalidating: it is followed by another.
    const unsure = batch.filter((stale) => filters(stale).some((filter) => this.#isFirstFetch(filter)))
    const patience = delay(PATIENCE) // one that hangs must not keep the others from being told
    const fetched = batch.flatMap(filters).map((filter) => this.#client.invalidateQueries(filter))
    await Promise.race([Promise.allSettled(fetched), patience.over])
    patience.cancel()
    for (const { prefix, whole, ids } of unsure) for (const id of whole ? [null] : ids) this.add(prefix, id)
  }

  #isFirstFetch(filter: QueryFilters): boolean {
    const found = this.#client.getQueryCache().findAll(filter)
    return found.some(({ state }) => state.fetchStatus === "fetching" && state.data === undefined)
  }
}

function filters({ prefix, whole, ids }: Stale): QueryFilters[] {
  if (whole) return [{ queryKey: prefix }]
  const entities = Array.from(ids, (id) => ({ queryKey: [...prefix, id] }))
  return [...entities, { queryKey: prefix, exact: true }]
}

function delay(milliseconds: number): { over: Promise<void>; cancel: () => void } {
  let timer: ReturnType<typeof setTimeout>
  const over = new Promise<void>((resolve) => (timer = setTimeout(resolve, milliseconds)))
  return { over, cancel: () => clearTimeout(timer) }
}
