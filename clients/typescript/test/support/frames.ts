/** The golden frames of tests/frames.json, which the Python tests read too. */

import frames from "../../../../tests/frames.json" with { type: "json" }
import type { ClientFrame, ServerFrame } from "../../src/protocol.js"

export { frames }

/** The server frame of that name, with changed fields. */
export function serverFrame(name: string, change: object = {}): ServerFrame {
  const found = frames.server.find((one) => one.name === name)
  if (!found) throw new Error(`there is no server frame ${name}`)
  return { ...found.frame, ...change } as ServerFrame
}

/** The client frame of that name, with changed fields. */
export function clientFrame(name: string, change: object = {}): ClientFrame {
  const found = frames.client.find((one) => one.name === name)
  if (!found) throw new Error(`there is no client frame ${name}`)
  return { ...found.frame, ...change } as unknown as ClientFrame
}
