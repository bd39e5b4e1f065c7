/** Servers in processes of their own, on free loopback ports. */

import { spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"

const here = import.meta.dirname
const root = join(here, "../../../..")
const command = process.env.PATTERN_STACK ?? join(root, ".venv/bin/pattern-stack")

export class Server {
  readonly #app: string
  readonly #cwd: string
  #process: ChildProcess | undefined
  #log = ""
  port = 0

  private constructor(app: string, cwd: string) {
    this.#app = app
    this.#cwd = cwd
  }

  /** Serves app.py, the application of these tests. */
  static start(): Promise<Server> {
    return new Server("app:app", here).start()
  }

  /** Serves the repository's test server. */
  static startTestServer(): Promise<Server> {
    return new Server("test_server:app", root).start()
  }

  /** A server that is running already. */
  static at(port: number): Server {
    const server = new Server("", "")
    server.port = port
    return server
  }

  get http(): string {
    return `http://127.0.0.1:${this.port}`
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/ws/broadcast`
  }

  /** Restarts on the same port. */
  async start(): Promise<Server> {
    const child = spawn(command, ["serve", this.#app, "--host", "127.0.0.1", "--port", String(this.port)], {
      cwd: this.#cwd,
      stdio: ["ignore", "pipe", "pipe"],
    })
    this.#process = child
    this.#log = ""
    this.port = await new Promise((resolve, reject) => {
      const read = (text: Buffer): void => {
        this.#log += text
        const found = /running on http:\/\/[\d.]+:(\d+)/.exec(this.#log)
        if (found) resolve(Number(found[1]))
      }
      child.stdout.on("data", read)
      child.stderr.on("data", read)
      child.once("error", reject)
      child.once("exit", () => reject(new Error(`the server ended:\n${this.#log}`)))
    })
    return this
  }

  /** Stops the process. With SIGTERM the server closes its clients first; with SIGKILL it cannot. */
  async end(signal: "SIGTERM" | "SIGKILL" = "SIGKILL"): Promise<void> {
    const child = this.#process
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, "exit")
    child.kill(signal)
    await ended
  }

  async post(path: string, body: object = {}): Promise<unknown> {
    const response = await fetch(this.http + path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    })
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
    return response.json()
  }

  /** Publishes an event. Returns its offset. */
  async publish(channel: string, change: { event?: string; payload?: object; origin?: string } = {}): Promise<number> {
    const { offset } = (await this.post("/publish", { channel, ...change })) as { offset: number }
    return offset
  }

  /** The number of subscribers of each channel. The key "" has the number of connections. */
  async count(path = "/count"): Promise<Record<string, number>> {
    return (await (await fetch(this.http + path)).json()) as Record<string, number>
  }
}
