/** The HTTP lane, and the way back from it. The core loads it when WebSockets do not work. */

import type { BroadcastSocket, SocketFactory } from "@pattern-stack/broadcast"
import { Timer } from "../timer.js"
import { SSESocket } from "./socket.js"

const FIRST_PROBE = 10_000
const MOST = 300_000
/** As RECONNECT_NOW, with a reason of its own: WebSockets can be opened again. */
const MOVED: [code: number, reason: string] = [1012, "retry-after=0.0"]

/** What the two lanes of a client know of each other. */
export interface Lanes {
  /** How many WebSockets in a row could not be opened. */
  unopened: number
  /** Milliseconds until the next try of a WebSocket. */
  probeAfter?: number
}

/** Opens sockets over HTTP. Each tries a WebSocket every now and then, and closes for it once one opens; not if HTTP is all there is.
 * Tabs that share a WebSocket share such a socket, too: one of them tries, and all of them move. */
export function opener(lanes: Lanes, { socket: webSocket, mostUnopened }: { socket: SocketFactory; mostUnopened: number }): SocketFactory {
  const open: SocketFactory = (url) => {
    const socket = new SSESocket(addressOf(url))
    if (mostUnopened > 0) probe(socket, url, lanes, webSocket)
    return socket
  }
  const ended = (reason: string): void => {
    if (reason === MOVED[1]) forget(lanes)
  }
  return webSocket.share?.(open, ended) ?? open
}

function forget(lanes: Lanes): void {
  lanes.unopened = 0
  delete lanes.probeAfter
}

/** `/ws/` in the path becomes `/sse/`. */
function addressOf(url: string): string {
  const address = new URL(url.replace(/^ws/, "http"), globalThis.location?.href)
  address.pathname = address.pathname.replace(/\/ws\/(?!.*\/ws\/)/, "/sse/")
  return address.href
}

function probe(socket: SSESocket, url: string, lanes: Lanes, webSocket: SocketFactory): void {
  const timer = new Timer()
  let tried: BroadcastSocket | undefined

  const abandon = (): void => {
    if (!tried) return
    tried.onopen = tried.onclose = null
    tried.close()
    tried = undefined
  }
  const schedule = (): void => {
    abandon()
    timer.set((lanes.probeAfter ??= FIRST_PROBE), attempt)
    lanes.probeAfter = Math.min(lanes.probeAfter * 2, MOST)
  }
  const succeed = (): void => {
    abandon()
    forget(lanes)
    socket.close(...MOVED)
  }
  const attempt = (): void => {
    abandon()
    tried = webSocket(url)
    tried.onopen = succeed
    tried.onclose = schedule
    tried.onerror = () => {} // a close follows
    timer.set(FIRST_PROBE, schedule)
  }
  const end = socket.close.bind(socket)
  socket.close = (...close) => {
    timer.clear()
    abandon()
    globalThis.removeEventListener?.("online", attempt)
    end(...close)
  }
  globalThis.addEventListener?.("online", attempt)
  schedule()
}
