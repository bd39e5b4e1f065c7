import { hashKey, useQueryClient, type QueryKey } from "@tanstack/react-query"
import { useCallback, useEffect, useRef } from "react"
import { Invalidations } from "./invalidations.js"
import { useBroadcast } from "@pattern-stack/broadcast/react/core"

export interface BroadcastInvalidation {
  /** Null listens to nothing. */
  channel: string | null
  /** What the keys of the queries begin with that this channel's events put out of date. */
  queryKeyPrefix: QueryKey
  /** False while what is on the screen must not change, as while somebody edits it; true by default. */
  enabled?: boolean
}

/** Keeps queries up to date: an event with `payload.entity_id` invalidates `[...prefix, entity_id]` and the list whose key is
 * exactly the prefix; any other event, and a reset, everything that begins with the prefix.
 *
 * - Data that was read before the server acknowledged the channel is fetched again: an event may lie between the two.
 * - The events of a burst make one fetch; what comes during it makes one more.
 * - Events that carry `client.origin` are this tab's own doing, and invalidate nothing. Nor do snapshots.
 * - What comes while it is not enabled is made up for by one invalidation of the prefix when it is again, or goes.
 */
export function useBroadcastInvalidation({ channel, queryKeyPrefix, enabled = true }: BroadcastInvalidation): void {
  const client = useBroadcast()
  const queryClient = useQueryClient()
  const hash = hashKey(queryKeyPrefix)
  const prefix = useRef(queryKeyPrefix)
  const held = useRef({ enabled, missed: false })

  const makeUp = useCallback(() => {
    if (!held.current.missed) return
    held.current.missed = false
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
      if (held.current.enabled) invalidations.add(prefix.current, id)
      else held.current.missed = true
    }
    // on the channel for another's sake already: no event has told of what changed before this one listened
    if (invalidations.watch(name) && client.isJoined(channel)) {
      if (held.current.enabled) invalidations.addOlder(prefix.current)
      else held.current.missed = true
    }
    const ends = [
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
      ends.forEach((end) => end())
      makeUp()
    }
  }, [client, queryClient, channel, hash, makeUp])

  useEffect(() => {
    held.current.enabled = enabled
    if (enabled) makeUp()
  }, [makeUp, enabled])
}
