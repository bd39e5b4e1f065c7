/** Clients over real sockets; Node 20 has no WebSocket of its own. */

import { WebSocket } from "ws"
import { afterEach } from "vitest"
import { BroadcastClient, type BroadcastEvent, type BroadcastOptions } from "@pattern-stack/broadcast"

const clients: BroadcastClient[] = []

export const socket = (url: string): WebSocket => new WebSocket(url)

/** Connected, and disconnected after the test. */
export function client(url: string, options: BroadcastOptions = {}): BroadcastClient {
  const one = new BroadcastClient(url, { socket, ...options })
  clients.push(one)
  one.connect()
  return one
}

/** What a client hears on a channel. */
export async function following(one: BroadcastClient, channel: string): Promise<BroadcastEvent[]> {
  const heard: BroadcastEvent[] = []
  one.subscribe(channel, (event) => heard.push(event))
  await one.ready(channel)
  return heard
}

/** The channels that are reset, as they are. */
export function resets(one: BroadcastClient): string[] {
  const found: string[] = []
  one.onReset((channel) => found.push(channel))
  return found
}

afterEach(() => {
  for (const one of clients.splice(0)) one.disconnect()
})
