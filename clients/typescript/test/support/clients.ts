/** Clients over real sockets. Node 20 has no WebSocket, so they use the `ws` package. */

import { WebSocket } from "ws"
import { afterEach } from "vitest"
import { BroadcastClient, type BroadcastEvent, type BroadcastOptions } from "@pattern-stack/broadcast"

const clients: BroadcastClient[] = []

export const socket = (url: string): WebSocket => new WebSocket(url)

/** A client that is connected now, and disconnected after the test. */
export function connectClient(url: string, options: BroadcastOptions = {}): BroadcastClient {
  const client = new BroadcastClient(url, { socket, ...options })
  clients.push(client)
  client.connect()
  return client
}

/** Subscribes, and waits for the acknowledgement. Returns the list that the channel's events are added to. */
export async function collectEvents(client: BroadcastClient, channel: string): Promise<BroadcastEvent[]> {
  const events: BroadcastEvent[] = []
  client.subscribe(channel, (event) => events.push(event))
  await client.ready(channel)
  return events
}

/** The list that the channels of resets are added to. */
export function collectResets(client: BroadcastClient): string[] {
  const resets: string[] = []
  client.onReset((channel) => resets.push(channel))
  return resets
}

afterEach(() => {
  for (const client of clients.splice(0)) client.disconnect()
})
