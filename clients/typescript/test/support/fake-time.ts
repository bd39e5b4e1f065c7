/** One client over fake sockets, with fake timers. */

import { afterEach, beforeEach, expect, vi } from "vitest"
import { BroadcastClient, type BroadcastOptions } from "@pattern-stack/broadcast"
import { serverFrame } from "./frames.js"
import { FakeNetwork } from "./socket.js"

export let network: FakeNetwork
export let client: BroadcastClient

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "performance"] })
  vi.spyOn(Math, "random").mockReturnValue(0) // the longest delays
  network = new FakeNetwork()
  create()
})

afterEach(() => {
  client.disconnect()
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

/** Replaces the test's client with one that has other options. */
export function create(options: BroadcastOptions = {}): void {
  client = new BroadcastClient("ws://server/ws/broadcast", { socket: network.socket, ...options })
}

/** Lets so many milliseconds pass. */
export const advance = (milliseconds: number): Promise<unknown> => vi.advanceTimersByTimeAsync(milliseconds)
/** Lets everything run that is due now. */
export const flush = (): Promise<unknown> => advance(0)

export async function connect(): Promise<void> {
  client.connect()
  await flush()
  network.sockets.at(-1)?.open()
  await flush()
}

/** Connects and subscribes to orders; the server acknowledges it at (k3f9, 41). */
export async function connectAndSubscribe(handler: (event: { offset?: number }) => void = () => {}): Promise<void> {
  client.subscribe("orders", handler)
  await connect()
  network.last.receive(serverFrame("subscribed"))
}
