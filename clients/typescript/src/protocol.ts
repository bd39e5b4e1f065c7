/** The wire, without IO: docs/protocol.md in types. */

export interface Position {
  epoch: string
  offset: number
}

type Id = number | string

/** What a client may say; a frame with an id is answered by a reply with the same id. */
export type ClientFrame = { id?: Id } & (
  | { subscribe: string[]; since?: Record<string, Position> }
  | { unsubscribe: string[] }
  | { ping: Id }
  | { auth: string }
  | { refresh: string[] }
  | { presence: string[] }
)

export interface BroadcastEvent<Payload = Record<string, any>> {
  channel: string
  event: string
  payload: Payload
  /** Its number in the channel. Absent where another tab emitted it. */
  offset?: number
  /** When it was published, in UTC: `2026-11-21T07:00:00.123456Z`. */
  timestamp: string
  /** Whose doing it is, where the publisher said so; compare it with `client.origin`. */
  origin?: string
}

export interface Subscribed {
  id?: Id
  /** Where the next event follows; `recovered` only where `since` was asked. */
  subscribed: Record<string, Position & { recovered?: boolean }>
}

export interface Refusal {
  id?: Id
  error: { code: string; message: string; channel?: string }
}

export type ServerFrame =
  | (BroadcastEvent & { offset: number })
  | Subscribed
  | Refusal
  | { id?: Id; unsubscribed: string[] }
  | { id?: Id; authenticated: boolean }
  | { id?: Id; refreshed: string[] }
  | { id?: Id; pong: Id; timestamp: string }
  | { id?: Id; presence: Record<string, { count: number; members: unknown[] }> }
  | { reset: Record<string, Position> }

/** The frame that a message holds; null where it holds none. A lost event shows as a gap in the offsets. */
export function read(data: unknown): ServerFrame | null {
  try {
    const frame: unknown = JSON.parse(data as string)
    return typeof frame === "object" ? (frame as ServerFrame | null) : null
  } catch {
    return null
  }
}

/** The id of every `{"auth"}` frame that this client sends: what a renewal takes away is told under it. */
export const AUTH = "auth"

const CHANNEL = /^[\w\-.:/@]{1,200}$/

export const isChannel = (name: string): boolean => CHANNEL.test(name)

const CHANNELS_A_FRAME = 64 // with names and positions of any length below a message's 64 KiB

/** Channels, as many together as a frame can name. */
export function inFrames(channels: string[]): string[][] {
  const frames: string[][] = []
  for (let at = 0; at < channels.length; at += CHANNELS_A_FRAME) frames.push(channels.slice(at, at + CHANNELS_A_FRAME))
  return frames
}

export const isSame = (one: Position | undefined, other: Position): boolean =>
  one?.epoch === other.epoch && one.offset === other.offset

/** Close codes after which coming back is of no use. 4401 is one where there is no new token to be had. */
export const STOP: ReadonlySet<number> = new Set([1002, 1007, 1008, 1009, 4403])

export const UNAUTHENTICATED = 4401
