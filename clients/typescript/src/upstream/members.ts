/** Who is on a channel: the server's answer, kept current by the channel's events. No IO. */

import type { BroadcastEvent } from "../protocol.js"

export interface Member {
  connection_id: string
  /** The key of the user, or what the application shows of it; null for somebody anonymous. */
  user: any
  /** What the member shows of itself. Absent if it shows nothing. */
  state?: Record<string, any>
}

export class Members {
  #members: ReadonlyMap<string, Member> = new Map()
  /** The events since the server was asked: its answer may be older than they are. Undefined if it was not asked. */
  #since: BroadcastEvent[] | undefined
  /** The members, as an array that is the same until something changes. */
  list: readonly Member[] = []
  /** Whether the server has to be asked. */
  isUncertain = true

  asked(): void {
    this.isUncertain = false
    this.#since = []
  }

  /** What the server has answered, with the events that have come meanwhile. */
  answered(members: readonly Member[]): void {
    const since = this.#since ?? []
    this.#since = undefined
    this.#set(new Map(members.map((member) => [member.connection_id, member])))
    for (const event of since) this.#apply(event)
  }

  /** The connection is lost, or the server did not answer: it is asked again. */
  unanswered(): void {
    this.isUncertain = true
    this.#since = undefined
  }

  /** True if the event changes who is here, or what they show. */
  receive(event: BroadcastEvent): boolean {
    if (!event.event.startsWith("presence-")) return false
    this.#since?.push(event)
    const isChanged = this.#apply(event)
    const { count } = event.payload
    if (typeof count === "number" && count !== this.#members.size && !this.#since) this.isUncertain = true
    return isChanged
  }

  #apply({ event, payload: { connection_id, user, state } }: BroadcastEvent): boolean {
    const members = new Map(this.#members)
    const known = members.get(connection_id)
    if (event === "presence-left") {
      if (!members.delete(connection_id)) return false
    } else if (event === "presence-joined") {
      if (known) return false
      members.set(connection_id, { connection_id, user })
    } else if (event === "presence-state") {
      members.set(connection_id, { connection_id, user: known ? known.user : user, ...(state && { state }) })
    } else return false
    this.#set(members)
    return true
  }

  #set(members: ReadonlyMap<string, Member>): void {
    this.#members = members
    this.list = [...members.values()]
  }
}
