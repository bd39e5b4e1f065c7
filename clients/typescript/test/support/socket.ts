/** Sockets without a network. */

import type { ClientFrame, ServerFrame } from "../../src/protocol.js"
import type { BroadcastSocket } from "../../src/socket.js"

export class FakeSocket implements BroadcastSocket {
  onopen: BroadcastSocket["onopen"] = null
  onmessage: BroadcastSocket["onmessage"] = null
  onclose: BroadcastSocket["onclose"] = null
  onerror: BroadcastSocket["onerror"] = null
  readonly sent: ClientFrame[] = []
  closed = false

  constructor(readonly url: string) {}

  send(data: string): void {
    this.sent.push(JSON.parse(data))
  }

  close(): void {
    this.closed = true
  }

  open(): void {
    this.onopen?.({})
  }

  /** The server sends these frames. */
  receive(...frames: ServerFrame[]): void {
    for (const frame of frames) this.onmessage?.({ data: JSON.stringify(frame) })
  }

  /** The server closes the socket, or it breaks. */
  end(code = 1006, reason = ""): void {
    this.onclose?.({ code, reason })
  }
}

/** A socket factory that keeps every socket it opened, the newest last. */
export class FakeNetwork {
  readonly sockets: FakeSocket[] = []

  readonly socket = (url: string): FakeSocket => {
    const socket = new FakeSocket(url)
    this.sockets.push(socket)
    return socket
  }

  get last(): FakeSocket {
    const last = this.sockets.at(-1)
    if (!last) throw new Error("no socket was opened")
    return last
  }
}
