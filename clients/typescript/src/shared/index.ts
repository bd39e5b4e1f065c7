import { webSocket, type SocketFactory } from "@pattern-stack/broadcast"
import { checkNames } from "../options.js"
import { TabSocket } from "./tab.js"

export interface SharedOptions {
  /** Identifies who the socket belongs to. Tabs with the same URL and key share one connection and its rights, so the key must
   * contain whatever decides those rights: for instance the user's id. */
  key?: string
  /** Opens the shared socket. The browser's WebSocket by default. */
  socket?: SocketFactory
}

/** A `socket` option that shares one connection between all tabs of the browser, over HTTP too where WebSockets are blocked. One
 * tab holds the connection. When that tab closes, enters the back-forward cache, or does not answer the others for a second, another
 * one takes over, and every tab recovers from its own positions.
 *
 * In a browser without Web Locks, and on a page served over plain HTTP, each tab has a connection of its own. Throws a TypeError in
 * development for an option that does not exist.
 */
export function sharedSocket(options: SharedOptions = {}): SocketFactory {
  const { key = "", socket = webSocket } = options
  checkNames("sharedSocket", options, ["key", "socket"])
  const shared = (lane: string, open: SocketFactory, ended?: (reason: string) => void): SocketFactory => (url) => {
    if (!globalThis.navigator?.locks || !globalThis.BroadcastChannel) return open(url)
    return new TabSocket(url, `pattern-stack/shared/${key}/${lane}${url}`, open, ended)
  }
  return Object.assign(shared("", socket), { share: shared.bind(null, "sse/") })
}
