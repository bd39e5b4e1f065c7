import { webSocket, type SocketFactory } from "@pattern-stack/broadcast"
import { TabSocket } from "./tab.js"

export interface SharedOptions {
  /** Whose socket it is. Everything that decides what the server lets through has to be in it, a user's id for one: tabs with
   * the same address and key share one connection, and its rights. */
  key?: string
  /** Opens the one socket; the browser's WebSocket by default. */
  socket?: SocketFactory
}

/** The `socket` option of a client that shares its connection with the other tabs of the browser. One tab holds the socket;
 * when it closes, another takes over, and every tab recovers from its own positions.
 *
 * A browser without Web Locks, or a page that came over plain HTTP, has a socket for each tab.
 */
export function sharedSocket({ key = "", socket = webSocket }: SharedOptions = {}): SocketFactory {
  return (url) => {
    if (!globalThis.navigator?.locks || !globalThis.BroadcastChannel) return socket(url)
    return new TabSocket(url, `pattern-stack/shared/${key}/${url}`, socket)
  }
}
