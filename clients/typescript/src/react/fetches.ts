/** When the data of queries was fetched: what began after a channel's last event is fresh. No React. */

import type { Query, QueryClient, QueryKey } from "@tanstack/react-query"

/** On two clocks: one stands still while the computer sleeps, the other may be set. */
interface Moment {
  monotonic: number
  wall: number
}

interface Fetch {
  /** When the fetch began that is under way, or the last one. */
  begun: Moment
  /** When the one began that has brought the data. */
  brought?: Moment
}

export class Fetches {
  readonly #client: QueryClient
  readonly #fetches = new WeakMap<Query, Fetch>()

  constructor(client: QueryClient) {
    this.#client = client
    client.getQueryCache().subscribe((event) => {
      if (event.type === "updated") this.#note(event.query, event.action)
    })
  }

  /** Whether each query under the prefix was fetched, or is being fetched, since the channel's last event, if that is so many
   * seconds ago. False for data that came from anywhere else, and for fetches that began before this object was made. */
  areYounger(prefix: QueryKey, seconds: number): boolean {
    return this.#client.getQueryCache().findAll({ queryKey: prefix }).every((query) => {
      const { begun, brought } = this.#fetches.get(query) ?? {}
      const began = query.state.data === undefined ? begun : brought
      return began !== undefined && ageOf(began) < seconds * 1_000
    })
  }

  #note(query: Query, action: { type: string; manual?: boolean }): void {
    const fetch = this.#fetches.get(query)
    if (action.type === "fetch") this.#fetches.set(query, { ...fetch, begun: { monotonic: performance.now(), wall: Date.now() } })
    else if (action.type === "success" && fetch) {
      if (action.manual) delete fetch.brought
      else fetch.brought = fetch.begun
    }
  }
}

const DRIFT = 1.001 // the server's clock may be slower than this one: clocks are slewed by at most 500 ppm

const ageOf = ({ monotonic, wall }: Moment): number => Math.max(performance.now() - monotonic, Date.now() - wall) * DRIFT
