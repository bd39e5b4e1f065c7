/** The frames that the Python tests read too: one file for both sides of the wire. */

import frames from "../../../../tests/frames.json" with { type: "json" }
import type { ClientFrame, ServerFrame } from "../../src/protocol.js"

export { frames }

/** The server's frame of that name, with what differs. */
export function said(name: string, change: object = {}): ServerFrame {
  const found = frames.server.find((one) => one.name === name)
  if (!found) throw new Error(`no server frame is called ${name}`)
  return { ...found.frame, ...change } as ServerFrame
}

/** The client's frame of that name, with what differs. */
export function asked(name: string, change: object = {}): ClientFrame {
  const found = frames.client.find((one) => one.name === name)
  if (!found) throw new Error(`no client frame is called ${name}`)
  return { ...found.frame, ...change } as unknown as ClientFrame
}
