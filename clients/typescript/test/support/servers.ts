/** Starts the servers that all tests share, and stops them at the end. */

import type { TestProject } from "vitest/node"
import { Server } from "./server.js"

declare module "vitest" {
  interface ProvidedContext {
    /** The port of app.py. */
    port: number
  }
}

export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const [server, testServer] = await Promise.all([Server.start(), Server.startTestServer()])
  provide("port", server.port)
  process.env.BROADCAST_URL = testServer.url
  process.env.BROADCAST_HTTP = testServer.http
  return async () => {
    await Promise.all([server.end("SIGTERM"), testServer.end("SIGTERM")])
  }
}
