/** The part of a WebSocket that a connection uses. The browser's WebSocket has it, and the `ws` package's too.
 *
 * `onclose` is called once, however the socket ends, with the code and reason of the close frame. */
export interface BroadcastSocket {
  onopen: ((event: any) => void) | null
  onmessage: ((event: any) => void) | null
  onclose: ((event: any) => void) | null
  onerror: ((event: any) => void) | null
  send(data: string): void
  close(code?: number, reason?: string): void
}

/** Opens a socket. Throws if the URL can never work. */
export interface SocketFactory {
  (url: string): BroadcastSocket
  /** What `sharedSocket` has: tabs share what another factory opens, too. `ended` is called with the reason of each close. */
  share?: (open: SocketFactory, ended: (reason: string) => void) => SocketFactory
}

/** Opens the browser's WebSocket. A path, such as `/ws/broadcast`, is resolved against the page. */
export function webSocket(url: string): BroadcastSocket {
  const { location } = globalThis
  const { href } = location ? new URL(url, location.href) : { href: url }
  return new WebSocket(href.replace(/^http/, "ws"))
}
