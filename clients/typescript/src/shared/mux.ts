/** Many tabs on one connection: what each of them says goes out once, what the server says goes to whom it concerns. No IO. */

import { AUTH, type ClientFrame, type Position, type Refusal, type ServerFrame, type Subscribed } from "../protocol.js"

export interface MuxOutput {
  server(frame: ClientFrame): void
  /** To these tabs, or to all. */
  tab(frame: ServerFrame, to?: string[]): void
  /** What the tabs believe can no longer be kept true: all of them have to begin anew, from their positions. */
  broken(): void
}

interface Held {
  /** Behind this every event has gone to all tabs. */
  position: Position
  tabs: Set<string>
}

/** The subscribe that the server has not answered yet. Everything else waits for it, as it would at the server. */
interface Flight {
  id: string
  tab: string
  left: boolean
  /** Channels that other tabs were on already: they were left, to be replayed from an older position. */
  rejoined: Set<string>
}

export class Mux {
  readonly #out: MuxOutput
  readonly #held = new Map<string, Held>()
  /** Channels that were left: until a reply says that they are held again, their events are old ones. */
  readonly #left = new Set<string>()
  #queue: [tab: string, frame: ClientFrame][] = []
  #flight: Flight | undefined

  constructor(out: MuxOutput) {
    this.#out = out
  }

  say(tab: string, frame: ClientFrame): void {
    this.#queue.push([tab, frame])
    this.#work()
  }

  /** The tab is gone, and with it what nobody else listens to. */
  leave(tab: string): void {
    this.#queue = this.#queue.filter(([of]) => of !== tab)
    if (this.#flight?.tab === tab) this.#flight.left = true
    this.#withdraw(tab, [...this.#held.keys()])
  }

  hear(frame: ServerFrame): void {
    if ("channel" in frame) this.#event(frame)
    else if ("subscribed" in frame) this.#subscribed(frame)
    else if ("error" in frame) this.#error(frame)
    else if ("reset" in frame) this.#reset(frame)
    else if ("unsubscribed" in frame) this.#ended(frame)
    else this.#answer(frame)
  }

  // -- from the tabs

  #work(): void {
    while (!this.#flight) {
      const next = this.#queue.shift()
      if (!next) return
      const [tab, frame] = next
      if ("subscribe" in frame) this.#subscribe(tab, frame.subscribe, new Map(Object.entries(frame.since ?? {})), frame.id)
      else if ("unsubscribe" in frame) this.#withdraw(tab, frame.unsubscribe)
      else this.#out.server(frame.id === undefined ? frame : { ...frame, id: wireId(tab, frame.id) })
    }
  }

  #subscribe(tab: string, channels: string[], since: Map<string, Position>, id: ClientFrame["id"] = ""): void {
    const places: [string, Subscribed["subscribed"][string]][] = []
    const asked: string[] = []
    const rejoined = new Set<string>()
    for (const channel of channels) {
      const held = this.#held.get(channel)
      const from = since.get(channel)
      if (held && (!from || follows(from, held.position))) {
        held.tabs.add(tab)
        places.push([channel, from ? { ...from, recovered: true } : held.position])
      } else {
        asked.push(channel)
        if (held) rejoined.add(channel)
      }
    }
    if (places.length > 0) this.#out.tab({ id, subscribed: Object.fromEntries(places) }, [tab])
    const refresh = places.flatMap(([channel, { recovered }]) => (recovered ? [] : channel))
    if (refresh.length > 0) this.#out.server({ refresh }) // whoever comes anew begins with a snapshot, where there is one
    if (asked.length > 0) this.#ask(tab, asked, since, wireId(tab, id), rejoined)
  }

  #ask(tab: string, subscribe: string[], since: Map<string, Position>, id: string, rejoined: Set<string>): void {
    this.#flight = { id, tab, left: false, rejoined }
    this.#leave([...rejoined])
    const known = Object.fromEntries([...since].filter(([channel]) => subscribe.includes(channel)))
    this.#out.server({ subscribe, ...(Object.keys(known).length > 0 && { since: known }), id })
  }

  #withdraw(tab: string, channels: string[]): void {
    this.#leave(
      channels.filter((channel) => {
        const held = this.#held.get(channel)
        return held?.tabs.delete(tab) && held.tabs.size === 0 && this.#held.delete(channel)
      }),
    )
  }

  #leave(unsubscribe: string[]): void {
    if (unsubscribe.length === 0) return
    for (const channel of unsubscribe) this.#left.add(channel)
    this.#out.server({ unsubscribe })
  }

  // -- from the server

  #event(frame: ServerFrame & { channel: string; event: string; offset: number }): void {
    if (this.#left.has(frame.channel)) return
    const held = this.#held.get(frame.channel)
    if (held && (frame.event === "snapshot" || frame.offset > held.position.offset)) {
      held.position = { epoch: held.position.epoch, offset: frame.offset }
    }
    this.#out.tab(frame, held && [...held.tabs]) // nobody asked: it is the server that put the connection on the channel
  }

  #subscribed(frame: Subscribed): void {
    const flight = this.#flight
    if (!flight || frame.id !== flight.id) return
    for (const [channel, { epoch, offset }] of Object.entries(frame.subscribed)) {
      const tabs = this.#held.get(channel)?.tabs ?? new Set()
      this.#left.delete(channel)
      this.#held.set(channel, { position: { epoch, offset }, tabs: tabs.add(flight.tab) })
    }
    this.#answer(frame)
    if ([...flight.rejoined].some((channel) => !Object.hasOwn(frame.subscribed, channel))) return this.#out.broken()
    this.#land(flight)
  }

  #error(frame: Refusal): void {
    this.#answer(frame)
    const { channel } = frame.error
    const flight = this.#flight
    const command = typeof frame.id === "string" ? tabAndId(frame.id)[1] : undefined
    if (command === AUTH && channel !== undefined && this.#held.has(channel)) return this.#out.broken()
    if (!flight || frame.id !== flight.id || channel !== undefined) return
    if (flight.rejoined.size > 0) return this.#out.broken()
    this.#land(flight)
  }

  #land({ tab, left }: Flight): void {
    this.#flight = undefined
    if (left) this.#withdraw(tab, [...this.#held.keys()])
    this.#work()
  }

  #reset(frame: { reset: Record<string, Position> }): void {
    for (const [channel, position] of Object.entries(frame.reset)) {
      const held = this.#held.get(channel)
      if (held) held.position = position
    }
    this.#out.tab(frame)
  }

  #ended(frame: { unsubscribed: string[] }): void {
    for (const channel of frame.unsubscribed) this.#held.delete(channel)
    this.#out.tab(frame)
  }

  /** To whom it belongs; what belongs to nobody goes to all. */
  #answer(frame: ServerFrame & { id?: number | string }): void {
    if (typeof frame.id !== "string") return this.#out.tab(frame)
    const [tab, id] = tabAndId(frame.id)
    this.#out.tab({ ...frame, id } as ServerFrame, [tab])
  }
}

const wireId = (tab: string, id: number | string): string => `${tab}:${JSON.stringify(id)}`

function tabAndId(id: string): [tab: string, id: number | string] {
  const end = id.indexOf(":")
  return [id.slice(0, end), JSON.parse(id.slice(end + 1))]
}

/** Whether whoever has reached `from` gets from here on all that follows it. */
const follows = (from: Position, here: Position): boolean => from.epoch === here.epoch && from.offset >= here.offset
