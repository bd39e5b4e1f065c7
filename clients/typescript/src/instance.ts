import { BroadcastClient, type BroadcastOptions } from "./client.js"

let instance: BroadcastClient | undefined

/** Makes and connects the one client of a page. Asked again for the same address it returns the one that is there;
 * for another address that one is disconnected and replaced. */
export function initBroadcast(url: string, options?: BroadcastOptions): BroadcastClient {
  if (instance?.url !== url) {
    instance?.disconnect()
    instance = new BroadcastClient(url, options)
  }
  instance.connect()
  return instance
}

/** The one client of this page. Throws where `initBroadcast` was not called before. */
export function getBroadcastClient(): BroadcastClient {
  if (!instance) throw new Error("call initBroadcast(url) first")
  return instance
}
