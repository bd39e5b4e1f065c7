import { useCallback, useEffect, useRef, useSyncExternalStore } from "react"
import type { BroadcastEvent, BroadcastState } from "@pattern-stack/broadcast"
import { useBroadcast } from "./provider.js"

/** The state of the connection. The component renders again when it changes. */
export function useBroadcastState(): BroadcastState {
  const client = useBroadcast()
  const subscribe = useCallback((changed: () => void) => client.onStateChange(changed), [client])
  return useSyncExternalStore(subscribe, () => client.state, () => "disconnected")
}

/** Calls the handler of the latest render with each event of the channel. The channel `null` subscribes to nothing. */
export function useBroadcastEvent<Payload = Record<string, any>>(
  channel: string | null,
  handler: (event: BroadcastEvent<Payload>) => void,
): void {
  const client = useBroadcast()
  const latest = useRef(handler)
  useEffect(() => {
    latest.current = handler
  })
  useEffect(() => {
    if (channel === null) return undefined
    return client.subscribe<Payload>(channel, (event) => latest.current(event))
  }, [client, channel])
}
