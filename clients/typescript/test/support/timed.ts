/** One client over sockets without a network, in a time that passes when a test says so. */

import { afterEach, beforeEach, expect, vi } from "vitest"
import { BroadcastClient, type BroadcastOptions } from "@pattern-stack/broadcast"
import { said } from "./golden.js"
import { Network } from "./socket.js"

export let network: Network
export let client: BroadcastClient

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "performance"] })
  vi.spyOn(Math, "random").mockReturnValue(0) // the longest delays
  network = new Network()
  make()
})

afterEach(() => {
  client.disconnect()
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

/** The client of the test, with other options. */
export function make(options: BroadcastOptions = {}): void {
  client = new BroadcastClient("ws://server/ws/broadcast", { socket: network.socket, ...options })
}

export const after = (milliseconds: number): Promise<unknown> => vi.advanceTimersByTimeAsync(milliseconds)
export const turn = (): Promise<unknown> => after(0)

export async function connected(): Promise<void> {
  client.connect()
  await turn()
  network.sockets.at(-1)?.open()
  await turn()
}

/** Connected, on orders at (k3f9, 41). */
export async function following(handler: (event: { offset?: number }) => void = () => {}): Promise<void> {
  client.subscribe("orders", handler)
  await connected()
  network.last.say(said("subscribed"))
}
