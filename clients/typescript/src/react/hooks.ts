import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from "react"
import type {
  BroadcastClient,
  BroadcastEvent,
  BroadcastState,
  ChannelName,
  EventName,
  PayloadOf,
  Registered,
} from "@pattern-stack/broadcast"
import { useClient } from "./provider.js"
import { setReader, stateOf, type Reader } from "./reads.js"

/** The client of the provider above. A component that reads its `state` or `lastClose` while it renders, as in
 * `const { state, emit } = useBroadcast()`, renders again when the state changes; no other component does. Throws if there is no
 * provider. */
export function useBroadcast(): BroadcastClient {
  const client = useClient()
  const [reader] = useState<Reader>(() => ({ readsState: false }))
  useSyncExternalStore(useSubscribe(client), () => (reader.readsState ? stateOf(client) : null), () => null)
  setReader(reader)
  useEffect(() => setReader(undefined))
  return client
}

/** The state of the connection. The component renders again when it changes. */
export function useBroadcastState(): BroadcastState {
  const client = useClient()
  return useSyncExternalStore(useSubscribe(client), () => stateOf(client), () => "disconnected")
}

function useSubscribe(client: BroadcastClient): (changed: () => void) => () => void {
  return useCallback((changed: () => void) => client.onStateChange(changed), [client])
}

/** Calls the handler of the latest render with each event of the channel. The channel `null` subscribes to nothing: pass it while a
 * part of the name is not known yet. */
export function useBroadcastEvent<Payload = Record<string, any>>(
  channel: ChannelName<Registered> | null,
  handler: (event: BroadcastEvent<Payload>) => void,
): void {
  const client = useClient()
  const latest = useRef(handler)
  useEffect(() => {
    latest.current = handler
  })
  useEffect(() => {
    if (channel === null) return undefined
    return client.subscribe<Payload>(channel, (event) => latest.current(event))
  }, [client, channel])
}

/** Calls the handler of the latest render with the payload of each such event of the channel, and with the event itself. The channel
 * `null` subscribes to nothing. With the types of the application's channels in `Register`, names and payload are checked. */
export function useEvents<Name extends ChannelName<Registered>, Event extends EventName<Registered, Name>>(
  channel: Name | null,
  event: Event,
  handler: (payload: PayloadOf<Registered, Name, Event>, event: BroadcastEvent<PayloadOf<Registered, Name, Event>, Event>) => void,
): void {
  useBroadcastEvent<any>(channel, (received) => {
    if (received.event === event) handler(received.payload, received as BroadcastEvent<any, Event>)
  })
}
