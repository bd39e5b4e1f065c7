/** A socket without a network, for tests of time. What goes over it is what protocol.md says. */

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

  say(...frames: ServerFrame[]): void {
    for (const frame of frames) this.onmessage?.({ data: JSON.stringify(frame) })
  }

  /** The other side ends it. */
  end(code = 1006, reason = ""): void {
    this.onclose?.({ code, reason })
  }
}

/** Every socket that was opened, the newest last. */
export class Network {
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
