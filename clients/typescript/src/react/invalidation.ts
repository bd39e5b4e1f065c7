import { hashKey, useQueryClient, type QueryKey } from "@tanstack/react-query"
import { useCallback, useEffect, useRef } from "react"
import { useBroadcast } from "@pattern-stack/broadcast/react/core"
import { checkNames } from "../options.js"
import { Invalidations } from "./invalidations.js"

export interface BroadcastInvalidation {
  /** The channel whose events invalidate queries. Null subscribes to nothing: pass it while a part of the name is not known yet. */
  channel: string | null
  /** The prefix of the keys of the queries that this channel's events invalidate. */
  queryKeyPrefix: QueryKey
  /** False defers invalidation while the screen must not change, for instance during an edit. The channel stays subscribed.
   * True by default. */
  enabled?: boolean
}

/** Invalidates queries on events: an event with `payload.entity_id` invalidates `[...prefix, entity_id]` and the list whose key
 * is exactly the prefix; any other event, and a reset, invalidates every query whose key begins with the prefix.
 *
 * - When the server acknowledges the channel, data that was fetched before is fetched again: an event may lie between the two.
 * - The events of a burst cause one fetch. Events during that fetch cause one more.
 * - Events that carry `client.origin`, and snapshots, invalidate nothing.
 * - Events that arrive while `enabled` is false cause one invalidation of the prefix when it is true again, or on unmount.
 *
 * Throws a TypeError if the prefix is not an array, and in development for an option that does not exist.
 */
export function useBroadcastInvalidation(options: BroadcastInvalidation): void {
  const { channel, queryKeyPrefix, enabled = true } = options
  checkNames("useBroadcastInvalidation", options, ["channel", "queryKeyPrefix", "enabled"])
  if (!Array.isArray(queryKeyPrefix)) throw new TypeError(`queryKeyPrefix is an array, not ${queryKeyPrefix}`)
  const client = useBroadcast()
  const queryClient = useQueryClient()
  const hash = hashKey(queryKeyPrefix)
  const prefix = useRef(queryKeyPrefix)
  const pending = useRef({ enabled, missed: false })

  const flush = useCallback(() => {
    if (!pending.current.missed) return
    pending.current.missed = false
    Invalidations.of(queryClient).add(prefix.current)
  }, [queryClient])

  useEffect(() => {
    prefix.current = queryKeyPrefix
  })

  useEffect(() => {
    if (channel === null) return undefined
    const invalidations = Invalidations.of(queryClient)
    const name = `${channel} ${hash}`
    const invalidate = (id?: unknown): void => {
      if (pending.current.enabled) invalidations.add(prefix.current, id)
      else pending.current.missed = true
    }
    // the channel was joined earlier, by another handler: changes before now have invalidated nothing here
    if (invalidations.watch(name) && client.isJoined(channel)) {
      if (pending.current.enabled) invalidations.addOlder(prefix.current)
      else pending.current.missed = true
    }
    const cleanups = [
      client.subscribe(channel, ({ event, payload, origin }) => {
        if (event !== "snapshot" && origin !== client.origin) invalidate(payload["entity_id"])
      }),
      client.onJoin((joined) => {
        if (joined === channel) invalidate()
      }),
      client.onReset((reset) => {
        if (reset === channel) invalidate()
      }),
      () => invalidations.unwatch(name),
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
