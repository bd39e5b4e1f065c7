/** A socket that is none: the frames of the protocol over HTTP, for networks that block WebSockets. */

import { AUTH_ID, isChannel, type ClientFrame, type Position, type Refusal, type ServerFrame } from "../protocol.js"
import type { BroadcastSocket } from "../socket.js"
import { Timer } from "../timer.js"
import { positionsOf, textOf } from "./bookmark.js"
import { Stream } from "./stream.js"

const ALIVE = 20_000 // the server sends a comment after 15 s of silence
const SNAPSHOT_TIMEOUT = 15_000 // the server gives the application 10 s for one

type Id = number | string

/** What is read comes over one stream, which is opened anew when the channels change; commands are posted, one after the other. */
export class SSESocket implements BroadcastSocket {
  onopen: BroadcastSocket["onopen"] = null
  onmessage: BroadcastSocket["onmessage"] = null
  onclose: BroadcastSocket["onclose"] = null
  onerror: BroadcastSocket["onerror"] = null
  readonly #url: string
  readonly #channels = new Set<string>()
  /** The positions reached. A channel without one joins afresh, and gets its snapshot. */
  #positions = new Map<string, Position>()
  /** The ids of the subscribe frames that have no reply yet, by channel. */
  readonly #asked = new Map<string, Id | undefined>()
  #token: string | undefined
  #stream: Stream | undefined
  /** The channels whose snapshots are still to come, over this stream. */
  readonly #refreshed = new Set<string>()
  #snapshots: Stream | undefined
  readonly #snapshotTimeout = new Timer()
  #lastSign = 0
  #scheduled = false
  #closed = false
  #posts: Promise<unknown> = Promise.resolve()

  constructor(url: string) {
    this.#url = url
    void this.#reach()
  }

  send(data: string): void {
    const frame = JSON.parse(data) as ClientFrame
    if ("subscribe" in frame) this.#subscribe(frame.subscribe, frame.since ?? {}, frame.id)
    else if ("unsubscribe" in frame) this.#unsubscribe(frame.unsubscribe, frame.id)
    else if ("auth" in frame) this.#authenticate(frame.auth, frame.id)
    else if ("refresh" in frame) this.#refresh(frame.refresh, frame.id)
    else if ("ping" in frame) this.#ping(frame.ping)
    else if ("state" in frame) this.#reply({ ...idOf(frame.id), state: [] }) // needs a connection
    else this.#posts = this.#posts.then(() => this.#post(frame))
  }

  close(code = 1000, reason = ""): void {
    if (this.#closed) return
    this.#closed = true
    this.#stream?.close()
    this.#endRefresh()
    this.onclose?.({ code, reason })
  }

  /** Opens if the server answers, whatever it says: a refusal comes with the stream. A proxy whose server is away says 502 or 503. */
  async #reach(): Promise<void> {
    try {
      const response = await this.#fetch({ ping: 1 })
      if (response.status === 404 || response.status === 405) return this.close(1006, "the server has no HTTP lane")
      if (response.status >= 500) return this.#failed(response)
      this.#lastSign = performance.now()
      if (!this.#closed) this.onopen?.({})
      this.#openSoon()
    } catch (error) {
      this.close(1006, String(error))
    }
  }

  #headers(): Record<string, string> {
    return this.#token === undefined ? {} : { Authorization: `Bearer ${this.#token}` }
  }

  #fetch(frame: object): Promise<Response> {
    const headers = { "Content-Type": "application/json", ...this.#headers() }
    return fetch(this.#url, { method: "POST", headers, body: JSON.stringify(frame), credentials: "include" })
  }

  #reply(frame: ServerFrame): void {
    if (!this.#closed) this.onmessage?.({ data: JSON.stringify(frame) })
  }

  // -- frames of the client

  #subscribe(channels: string[], since: Record<string, Position>, id: Id | undefined): void {
    for (const channel of channels.filter(isChannel)) {
      this.#channels.add(channel)
      this.#asked.set(channel, id)
      if (since[channel]) this.#positions.set(channel, since[channel])
    }
    this.#openSoon()
  }

  #unsubscribe(unsubscribed: string[], id: Id | undefined): void {
    for (const channel of unsubscribed) this.#forget(channel)
    if (id !== undefined) this.#reply({ id, unsubscribed })
    this.#openSoon()
  }

  #forget(channel: string): void {
    this.#channels.delete(channel)
    this.#asked.delete(channel)
    this.#positions.delete(channel)
  }

  #authenticate(token: string, id: Id | undefined): void {
    this.#token = token
    this.#reply({ ...idOf(id), authenticated: true })
    this.#openSoon()
  }

  #ping(value: Id): void {
    if (performance.now() - this.#lastSign < ALIVE) this.#reply({ pong: value, timestamp: new Date().toISOString() })
  }

  /** Snapshots come over a stream of their own: on the channels' own one nothing may be left out. One at a time: a browser has few
   * connections to a host. */
  #refresh(channels: string[], id: Id | undefined): void {
    if (id !== undefined) this.#reply({ id, refreshed: channels })
    for (const channel of channels) this.#refreshed.add(channel)
    this.#snapshots?.close()
    this.#snapshotTimeout.set(SNAPSHOT_TIMEOUT, () => this.#endRefresh()) // a channel may have none
    this.#snapshots = new Stream(this.#address(this.#refreshed), this.#headers(), {
      opened: () => {},
      alive: () => {},
      message: (data) => this.#snapshot(JSON.parse(data)),
      refused: () => this.#endRefresh(),
      ended: () => this.#endRefresh(),
    })
  }

  /** The first frame of each channel: its snapshot, or an event where it has none. */
  #snapshot(frame: ServerFrame): void {
    if (!("channel" in frame) || !this.#refreshed.delete(frame.channel)) return
    if (frame.event === "snapshot") this.#reply(frame)
    if (this.#refreshed.size === 0) this.#endRefresh()
  }

  #endRefresh(): void {
    this.#refreshed.clear()
    this.#snapshotTimeout.clear()
    this.#snapshots?.close()
  }

  async #post(frame: ClientFrame): Promise<void> {
    if (this.#closed) return
    try {
      const response = await this.#fetch(frame)
      const answer = (await response.json()) as ServerFrame
      if (!("error" in answer)) return this.#reply(answer)
      const retryAfter = Number(response.headers.get("Retry-After") ?? NaN)
      this.#reply({ ...idOf(frame.id), error: { ...answer.error, ...(retryAfter > 0 && { retry_after: retryAfter }) } })
    } catch (error) {
      this.#reply({ ...idOf(frame.id), error: { code: "unavailable", message: String(error) } })
    }
  }

  // -- the stream

  #address(channels: Iterable<string>): string {
    const query = Array.from(channels, (channel) => `channel=${encodeURIComponent(channel)}`).join("&")
    return query ? `${this.#url}?${query}` : this.#url
  }

  /** Changes of one turn of the event loop open one stream. */
  #openSoon(): void {
    if (this.#scheduled || this.#closed) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      if (!this.#closed) this.#open()
    })
  }

  #open(): void {
    this.#stream?.close()
    const asked = [...this.#asked]
    const id = textOf(this.#positions)
    this.#stream = new Stream(this.#address(this.#channels), { ...this.#headers(), ...(id && { "Last-Event-ID": id }) }, {
      opened: () => {},
      alive: () => (this.#lastSign = performance.now()),
      message: (data, reached) => this.#message(JSON.parse(data), reached),
      refused: (response) => void this.#refused(response, asked),
      ended: (reason) => this.close(1006, reason),
    })
  }

  #message(frame: ServerFrame | { close: { code: number; reason: string } }, reached: string): void {
    if ("close" in frame) return this.close(frame.close.code, frame.close.reason)
    if (reached) this.#positions = positionsOf(reached)
    if (!("id" in frame)) return this.#reply(frame)
    if ("subscribed" in frame) this.#subscribed(frame.subscribed)
    else if ("error" in frame && frame.error.channel !== undefined) this.#channelRefused(frame.error.channel, frame.error)
    else this.#reply(frame)
  }

  /** Replies to the subscribe frames that asked. Channels that the stream before this one had are told already. */
  #subscribed(positions: Record<string, Position & { recovered?: boolean }>): void {
    const replies = new Map<Id | undefined, Record<string, Position & { recovered?: boolean }>>()
    for (const [channel, position] of Object.entries(positions)) {
      if (!this.#asked.has(channel)) continue
      const id = this.#asked.get(channel)
      this.#asked.delete(channel)
      replies.set(id, { ...replies.get(id), [channel]: position })
    }
    for (const [id, subscribed] of replies) this.#reply({ ...idOf(id), subscribed })
  }

  #channelRefused(channel: string, error: Refusal["error"]): void {
    const id = this.#asked.has(channel) ? this.#asked.get(channel) : AUTH_ID
    this.#forget(channel)
    this.#reply({ ...idOf(id), error: { ...error, channel } })
  }

  #failed({ status, headers }: Response): void {
    if (status === 429 || status === 503) this.close(1013, `retry-after=${headers.get("Retry-After") ?? 1}`)
    else this.close(1006, `the server answered ${status}`)
  }

  async #refused(response: Response, asked: [string, Id | undefined][]): Promise<void> {
    const error = await errorOf(response)
    const { status } = response
    if (status === 401) return this.close(4401, error.message)
    if (status === 429 || status >= 500 || error.code === "") return this.#failed(response)
    if (asked.length === 0 && this.#channels.size === 0) return this.close(status === 403 ? 4403 : 1006, error.message)
    for (const channel of asked.length > 0 ? asked.map(([name]) => name) : [...this.#channels]) this.#channelRefused(channel, error)
    this.#openSoon()
  }
}

const idOf = (id: Id | undefined): { id?: Id } => (id === undefined ? {} : { id })

async function errorOf(response: Response): Promise<Refusal["error"]> {
  try {
    return ((await response.json()) as Refusal).error
  } catch {
    return { code: "", message: "" }
  }
}
