/** Notices which components read a client's `state` or `lastClose` while they render, as in `const { state } = useBroadcast()`. */

import { BroadcastClient, type BroadcastState } from "@pattern-stack/broadcast"

export interface Reader {
  readsState: boolean
}

/** The component that has called `useBroadcast` last, until it is committed. What is read while it renders, it reads. */
let current: Reader | undefined

export function setReader(reader: Reader | undefined): void {
  current = reader
}

/** Makes the client's getters record their reader. Otherwise they work as before. */
export function trackReads(client: BroadcastClient<any>): BroadcastClient<any> {
  if (!(client instanceof BroadcastClient) || Object.hasOwn(client, "state")) return client
  for (const name of ["state", "lastClose"] as const) {
    const get = (): unknown => {
      if (current) current.readsState = true
      return Reflect.get(BroadcastClient.prototype, name, client)
    }
    Object.defineProperty(client, name, { get, configurable: true })
  }
  return client
}

/** The client's state, without recording a reader. */
export function stateOf(client: BroadcastClient): BroadcastState {
  return client instanceof BroadcastClient ? Reflect.get(BroadcastClient.prototype, "state", client) : (client as BroadcastClient).state
}
