import { BroadcastClient, type BroadcastOptions } from "./client.js"
import type { Registered } from "./typed.js"
import { isEqual } from "./options.js"

let instance: { client: BroadcastClient<any>; options: BroadcastOptions } | undefined

/** Creates and connects the page's one client. A later call with the same URL and the same options, or with the URL alone, returns
 * the existing client, connected. Any other call disconnects it, with its subscriptions, and creates another: for instance with
 * another user's token. Functions are the same only if they are identical, so define a `token` function once. */
export function initBroadcast<Channels = Registered>(url: string, options?: BroadcastOptions): BroadcastClient<Channels> {
  if (!instance || instance.client.url !== url || (options && !isEqual(instance.options, options))) {
    const client = new BroadcastClient(url, options)
    instance?.client.disconnect()
    instance = { client, options: { ...options } }
  }
  instance.client.connect()
  return instance.client
}

/** The page's one client. Throws if `initBroadcast` was not called before. */
export function getBroadcastClient<Channels = Registered>(): BroadcastClient<Channels> {
  if (!instance) throw new Error("call initBroadcast(url) first")
  return instance.client
}
