/** What a connection needs of a WebSocket. The browser's own is one; so is that of the `ws` package.
 *
 * Its `onclose` is called once, however it ends, with the close frame's code and reason. */
export interface BroadcastSocket {
  onopen: ((event: any) => void) | null
  onmessage: ((event: any) => void) | null
  onclose: ((event: any) => void) | null
  onerror: ((event: any) => void) | null
  send(data: string): void
  close(code?: number, reason?: string): void
}

/** Opens one. May throw where the address can never work. */
export type SocketFactory = (url: string) => BroadcastSocket

/** The browser's own WebSocket. A page may give a path alone: `/ws/broadcast`. */
export function webSocket(url: string): BroadcastSocket {
  const { location } = globalThis
  const { href } = location ? new URL(url, location.href) : { href: url }
  return new WebSocket(href.replace(/^http/, "ws"))
}
