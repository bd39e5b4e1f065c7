import { hashKey, useQueryClient, type QueryClient, type QueryKey } from "@tanstack/react-query"
import { useCallback, useEffect, useRef } from "react"
import type { BroadcastEvent, ChannelName, Registered } from "@pattern-stack/broadcast"
import { useBroadcast } from "@pattern-stack/broadcast/react/core"
import { checkNames, checkNumber } from "../options.js"
import { Invalidations } from "./invalidations.js"
import type { Lists } from "./lists.js"
import { Spread } from "./spread.js"

export interface BroadcastInvalidation {
  /** The channel whose events invalidate queries. Null subscribes to nothing: pass it while a part of the name is not known yet. */
  channel: ChannelName<Registered> | null
  /** The prefix of the keys of the queries that this channel's events invalidate. */
  queryKeyPrefix: QueryKey
  /** False defers invalidation while the screen must not change, for instance during an edit. The channel stays subscribed.
   * True by default. */
  enabled?: boolean
  /** Which lists an event with an `entity_id` invalidates. `all`: every list under the prefix, such as `["items", { page: 2 }]` and
   * `["items", "infinite"]`. `exact`: only the query whose key is exactly the prefix. @default "all" */
  lists?: Lists
  /** Milliseconds. The refetch that an event or a reset causes begins at a random moment within them, so that many clients do not all
   * ask the server at once. An event that another tab of this browser emitted is not put off. @default 0 */
  spread?: number
  /** Puts an event's payload into the cache. If it returns true nothing is fetched again, unless a fetch is under way that may bring
   * older data. If it throws, the error is logged and the queries are invalidated. */
  apply?: (event: BroadcastEvent, queryClient: QueryClient) => boolean
}

const OPTIONS = ["channel", "queryKeyPrefix", "enabled", "lists", "spread", "apply"] satisfies (keyof BroadcastInvalidation)[]

/** Invalidates queries on events. An event with `payload.entity_id` invalidates `[...prefix, entity_id]` and every list under the
 * prefix, and no other entity. Any other event, and a reset, invalidates every query whose key begins with the prefix.
 *
 * - When the server acknowledges the channel, data that was fetched before is fetched again, unless the server knows that no event
 *   lies between the two.
 * - The events of a burst cause one fetch. Events during that fetch cause one more.
 * - Events that carry `client.origin`, snapshots and ephemeral events invalidate nothing.
 * - Events that arrive while `enabled` is false cause one invalidation of the prefix when it is true again, or on unmount.
 *
 * Throws a TypeError if the prefix is not an array or `spread` no number of at least 0, and in development for an option that does
 * not exist.
 */
export function useBroadcastInvalidation(options: BroadcastInvalidation): void {
  const { channel, queryKeyPrefix, enabled = true, lists = "all", spread = 0, apply } = options
  checkNames("useBroadcastInvalidation", options, OPTIONS)
  checkNumber("spread", spread, 0)
  if (!Array.isArray(queryKeyPrefix)) throw new TypeError(`queryKeyPrefix is an array, not ${queryKeyPrefix}`)
  const client = useBroadcast()
  const queryClient = useQueryClient()
  Invalidations.of(queryClient) // before the effects, in which queries are fetched
  const hash = hashKey(queryKeyPrefix)
  const latest = useRef({ prefix: queryKeyPrefix, lists, spread, apply })
  const pending = useRef({ enabled, missed: false })

  const flush = useCallback(() => {
    if (!pending.current.missed) return
    pending.current.missed = false
    Invalidations.of(queryClient).add(latest.current.prefix)
  }, [queryClient])

  useEffect(() => {
    latest.current = { prefix: queryKeyPrefix, lists, spread, apply }
  })

  useEffect(() => {
    if (channel === null) return undefined
    const invalidations = Invalidations.of(queryClient)
    const spreading = new Spread()
    const { prefix } = latest.current
    const name = `${channel} ${hash}`
    const invalidate = (id?: unknown): void => {
      if (pending.current.enabled) invalidations.add(prefix, id, latest.current.lists)
      else pending.current.missed = true
    }
    const receive = (event: BroadcastEvent): void => {
      if (event.event === "snapshot" || event.ephemeral || event.origin === client.origin) return
      if (pending.current.enabled && isApplied(event, queryClient, latest.current.apply) && !invalidations.isFetching(prefix)) return
      const emitted = event.offset === undefined
      spreading.add(emitted ? 0 : latest.current.spread, () => invalidate(event.payload["entity_id"]))
    }
    // the channel was joined earlier, by another handler: changes before now have invalidated nothing here
    if (invalidations.watch(name) && client.isJoined(channel)) {
      if (pending.current.enabled) invalidations.addOlder(prefix)
      else pending.current.missed = true
    }
    const cleanups = [
      client.subscribe(channel, receive),
      client.onJoin((joined, quiet) => {
        if (joined === channel && !(quiet && invalidations.fetches.areYounger(prefix, quiet))) invalidate()
      }),
      client.onReset((reset) => {
        if (reset === channel) spreading.add(latest.current.spread, () => invalidate())
      }),
      () => invalidations.unwatch(name),
      spreading.flush,
    ]
    return () => {
      cleanups.forEach((cleanup) => cleanup())
      flush()
    }
  }, [client, queryClient, channel, hash, flush])

  useEffect(() => {
    pending.current.enabled = enabled
    if (enabled) flush()
  }, [flush, enabled])
}

function isApplied(event: BroadcastEvent, queryClient: QueryClient, apply: BroadcastInvalidation["apply"]): boolean {
  try {
    return apply?.(event, queryClient) ?? false
  } catch (error) {
    console.error("[broadcast] apply failed:", error)
    return false
  }
}
