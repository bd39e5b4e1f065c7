/** Many tabs on one connection: a channel is subscribed once for all of them, and frames go to the tabs they concern. No IO. */

import { isTemporary } from "../errors.js"
import { AUTH_ID, type BroadcastEvent, type ClientFrame, type Position, type Refusal, type ServerFrame, type Subscribed } from "../protocol.js"

export interface MuxOutput {
  toServer(frame: ClientFrame): void
  /** To these tabs, or to all. */
  toTabs(frame: ServerFrame, to?: string[]): void
  /** What the tabs were told no longer holds: all of them have to reconnect, and recover from their positions. */
  restart(): void
  /** Calls back after so many milliseconds. */
  later(delay: number, callback: () => void): void
}

interface HeldChannel {
  /** Every event up to here was sent to the tabs. */
  position: Position
  tabs: Set<string>
}

/** The subscribe frame that the server has not answered yet. Later frames wait for it, as they would at the server. */
interface PendingSubscribe {
  id: string
  tab: string
  tabIsGone: boolean
  channels: Set<string>
  /** Channels that other tabs hold. They were unsubscribed in order to be replayed from an older position. */
  resubscribed: Set<string>
}

/** A frame that the mux sends for no tab in particular. */
type OwnFrame = { unsubscribe: string[] } | { refresh: string[] } | { state: Record<string, null> }

const NO_TAB = ""
const RETRY_DELAY = 1_000

export class Mux {
  readonly #out: MuxOutput
  readonly #held = new Map<string, HeldChannel>()
  /** Unsubscribed channels: their events are late ones, until a reply says that they are held again. */
  readonly #unsubscribed = new Set<string>()
  #queue: [tab: string, frame: ClientFrame][] = []
  #pending: PendingSubscribe | undefined
  /** The mux's own frames that have no reply yet, by id. */
  readonly #unanswered = new Map<unknown, OwnFrame>()
  /** Channels whose unsubscribe frame was refused: the server still holds them. */
  readonly #stillHeld = new Set<string>()
  /** The tab whose state a channel shows: the connection has one state, that of the tab that has set it last. */
  readonly #stateOf = new Map<string, string>()
  #lastId = 0

  constructor(out: MuxOutput) {
    this.#out = out
  }

  fromTab(tab: string, frame: ClientFrame): void {
    this.#queue.push([tab, frame])
    this.#work()
  }

  /** The tab is gone: its channels are unsubscribed unless another tab has them. */
  removeTab(tab: string): void {
    this.#queue = this.#queue.filter(([sender]) => sender !== tab)
    if (this.#pending?.tab === tab) this.#pending.tabIsGone = true
    this.#release(tab, [...this.#held.keys()])
  }

  fromServer(frame: ServerFrame): void {
    const own = "id" in frame && this.#unanswered.get(frame.id)
    if (own) this.#ownReply(own, frame)
    else if ("channel" in frame) this.#event(frame)
    else if ("subscribed" in frame) this.#subscribed(frame)
    else if ("error" in frame) this.#error(frame)
    else if ("reset" in frame) this.#reset(frame)
    else if ("unsubscribed" in frame) this.#ended(frame)
    else this.#forward(frame)
  }

  // -- frames of tabs

  #work(): void {
    while (!this.#pending) {
      const next = this.#queue.shift()
      if (!next) return
      const [tab, frame] = next
      if ("subscribe" in frame) this.#subscribe(tab, frame.subscribe, new Map(Object.entries(frame.since ?? {})), frame.id)
      else if (tab === NO_TAB) this.#sendAgain(frame)
      else if ("unsubscribe" in frame) this.#leave(tab, frame.unsubscribe, frame.id)
      else this.#pass(tab, frame)
    }
  }

  #pass(tab: string, frame: ClientFrame): void {
    if ("state" in frame) for (const channel of Object.keys(frame.state)) this.#stateOf.set(channel, tab)
    this.#out.toServer(frame.id === undefined ? frame : { ...frame, id: wireId(tab, frame.id) })
  }

  #subscribe(tab: string, channels: string[], since: Map<string, Position>, id: ClientFrame["id"] = ""): void {
    const answers: [string, Subscribed["subscribed"][string]][] = []
    const missing: string[] = []
    const resubscribed = new Set<string>()
    for (const channel of channels) {
      const held = this.#held.get(channel)
      const from = since.get(channel)
      if (held && (!from || isCovered(from, held.position))) {
        held.tabs.add(tab)
        answers.push([channel, from ? { ...from, recovered: true } : held.position])
      } else {
        missing.push(channel)
        if (held) resubscribed.add(channel)
      }
    }
    if (answers.length > 0) this.#out.toTabs({ id, subscribed: Object.fromEntries(answers) }, [tab])
    const refresh = answers.flatMap(([channel, { recovered }]) => (recovered ? [] : channel))
    if (refresh.length > 0) this.#send({ refresh }) // a new subscriber gets the snapshot, if the channel has one
    if (missing.length > 0) this.#request(tab, missing, since, wireId(tab, id), resubscribed)
  }

  #request(tab: string, subscribe: string[], since: Map<string, Position>, id: string, resubscribed: Set<string>): void {
    this.#pending = { id, tab, tabIsGone: false, channels: new Set(subscribe), resubscribed }
    this.#unsubscribe(subscribe.filter((channel) => resubscribed.has(channel) || this.#stillHeld.has(channel)))
    const known = Object.fromEntries([...since].filter(([channel]) => subscribe.includes(channel)))
    this.#out.toServer({ subscribe, ...(Object.keys(known).length > 0 && { since: known }), id })
  }

  #leave(tab: string, unsubscribed: string[], id: ClientFrame["id"]): void {
    this.#release(tab, unsubscribed)
    if (id !== undefined) this.#out.toTabs({ id, unsubscribed }, [tab])
  }

  #release(tab: string, channels: string[]): void {
    for (const channel of channels) if (this.#stateOf.get(channel) === tab) this.#dropState(channel)
    this.#unsubscribe(
      channels.filter((channel) => {
        const held = this.#held.get(channel)
        return held?.tabs.delete(tab) && held.tabs.size === 0 && this.#held.delete(channel)
      }),
    )
  }

  #dropState(channel: string): void {
    this.#stateOf.delete(channel)
    if ((this.#held.get(channel)?.tabs.size ?? 0) > 1) this.#send({ state: { [channel]: null } })
  }

  #unsubscribe(unsubscribe: string[]): void {
    if (unsubscribe.length === 0) return
    for (const channel of unsubscribe) {
      this.#unsubscribed.add(channel)
      this.#stillHeld.delete(channel)
    }
    this.#send({ unsubscribe })
  }

  #send(frame: OwnFrame): void {
    const id = wireId(NO_TAB, ++this.#lastId)
    this.#unanswered.set(id, frame)
    this.#out.toServer({ ...frame, id })
  }

  #ownReply(frame: OwnFrame, reply: ServerFrame & { id?: unknown }): void {
    this.#unanswered.delete(reply.id)
    if (!("error" in reply) || !isTemporary(reply.error.code)) return
    for (const channel of "unsubscribe" in frame ? frame.unsubscribe : []) {
      if (this.#pending?.channels.has(channel)) return this.#out.restart() // the server holds it, and does not replay it
      this.#stillHeld.add(channel)
    }
    const { retry_after } = reply.error
    this.#out.later(retry_after === undefined ? RETRY_DELAY : retry_after * 1_000, () => this.fromTab(NO_TAB, frame))
  }

  /** The frame was refused for a temporary reason: sends what of it still applies. */
  #sendAgain(frame: ClientFrame): void {
    if ("unsubscribe" in frame) this.#unsubscribe(frame.unsubscribe.filter((channel) => this.#stillHeld.has(channel)))
    if ("state" in frame) for (const channel of Object.keys(frame.state)) if (!this.#stateOf.has(channel)) this.#dropState(channel)
    if (!("refresh" in frame)) return
    const refresh = frame.refresh.filter((channel) => this.#held.has(channel))
    if (refresh.length > 0) this.#send({ refresh })
  }

  // -- frames of the server

  #event(frame: BroadcastEvent): void {
    if (this.#unsubscribed.has(frame.channel)) return
    const held = this.#held.get(frame.channel)
    const { offset = -1 } = frame // an ephemeral event has none
    if (held && (frame.event === "snapshot" || offset > held.position.offset)) held.position = { epoch: held.position.epoch, offset }
    this.#out.toTabs(frame, held && [...held.tabs]) // to all if no tab subscribed: the server put the connection on the channel
  }

  #subscribed(frame: Subscribed): void {
    const pending = this.#pending
    if (!pending || frame.id !== pending.id) return
    for (const [channel, { epoch, offset }] of Object.entries(frame.subscribed)) {
      const tabs = this.#held.get(channel)?.tabs ?? new Set()
      this.#unsubscribed.delete(channel)
      this.#held.set(channel, { position: { epoch, offset }, tabs: tabs.add(pending.tab) })
    }
    this.#forward(frame)
    if ([...pending.resubscribed].some((channel) => !Object.hasOwn(frame.subscribed, channel))) return this.#out.restart()
    this.#finish(pending)
  }

  #error(frame: Refusal): void {
    this.#forward(frame)
    const { channel } = frame.error
    const pending = this.#pending
    const id = typeof frame.id === "string" ? tabAndId(frame.id)[1] : undefined
    if (id === AUTH_ID && channel !== undefined && this.#held.has(channel)) return this.#out.restart()
    if (!pending || frame.id !== pending.id || channel !== undefined) return
    if (pending.resubscribed.size > 0) return this.#out.restart()
    this.#finish(pending)
  }

  #finish({ tab, tabIsGone }: PendingSubscribe): void {
    this.#pending = undefined
    if (tabIsGone) this.#release(tab, [...this.#held.keys()])
    this.#work()
  }

  #reset(frame: { reset: Record<string, Position> }): void {
    for (const [channel, position] of Object.entries(frame.reset)) {
      const held = this.#held.get(channel)
      if (held) held.position = position
    }
    this.#out.toTabs(frame)
  }

  #ended(frame: { unsubscribed: string[] }): void {
    for (const channel of frame.unsubscribed) this.#held.delete(channel)
    this.#out.toTabs(frame)
  }

  /** To the tab in the frame's id, or to all tabs if it has none. */
  #forward(frame: ServerFrame & { id?: number | string }): void {
    if (typeof frame.id !== "string") return this.#out.toTabs(frame)
    const [tab, id] = tabAndId(frame.id)
    this.#out.toTabs({ ...frame, id } as ServerFrame, [tab])
  }
}

const wireId = (tab: string, id: number | string): string => `${tab}:${JSON.stringify(id)}`

function tabAndId(id: string): [tab: string, id: number | string] {
  const end = id.indexOf(":")
  return [id.slice(0, end), JSON.parse(id.slice(end + 1))]
}

/** Whether a tab at `from` misses nothing if it gets the events after `reached`. */
const isCovered = (from: Position, reached: Position): boolean => from.epoch === reached.epoch && from.offset >= reached.offset
