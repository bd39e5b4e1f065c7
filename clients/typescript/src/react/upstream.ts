import { useCallback, useEffect, useState } from "react"
import type { BroadcastClient, ChannelName, Member, Registered, SendOn } from "@pattern-stack/broadcast"
import { useClient } from "./provider.js"

/** Sends a command and resolves with its result: `send(event, payload, { key })`. See `client.send`. */
export type Send<Name extends ChannelName<Registered> = ChannelName<Registered>> = SendOn<Registered, Name>

const NOBODY: readonly Member[] = []

/** A function that sends commands on the channel. The channel is subscribed while the component is mounted. With the channel `null`
 * the function rejects. */
export function useSend<Name extends ChannelName<Registered>>(channel: Name | null): Send<Name> {
  const client = useClient()
  useEffect(() => (channel === null ? undefined : client.subscribe(channel, () => {})), [client, channel])
  return useCallback<Send<any>>((event: string, ...rest: any) => client.send(channel as string, event, ...rest), [client, channel])
}

/** Who is on a channel with presence, and what each of them shows. The component renders again when that changes. The channel `null`
 * subscribes to nothing. */
export function usePresence(channel: ChannelName<Registered> | null): readonly Member[] {
  const client = useClient()
  const [known, setKnown] = useState<{ of: BroadcastClient; channel: string; members: readonly Member[] }>()
  useEffect(() => {
    if (channel === null) return undefined
    return client.presence(channel).onChange((members) => setKnown({ of: client, channel, members }))
  }, [client, channel])
  return known?.of === client && known.channel === channel ? known.members : NOBODY
}
