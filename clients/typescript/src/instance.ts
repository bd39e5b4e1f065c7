import { BroadcastClient, type BroadcastOptions } from "./client.js"

let instance: BroadcastClient | undefined

/** Creates and connects the page's one client. A later call with the same URL returns the existing client, connected.
 * A call with another URL disconnects it and creates another. */
export function initBroadcast(url: string, options?: BroadcastOptions): BroadcastClient {
  if (instance?.url !== url) {
    instance?.disconnect()
    instance = new BroadcastClient(url, options)
  }
  instance.connect()
  return instance
}

/** The page's one client. Throws if `initBroadcast` was not called before. */
export function getBroadcastClient(): BroadcastClient {
  if (!instance) throw new Error("call initBroadcast(url) first")
  return instance
}
