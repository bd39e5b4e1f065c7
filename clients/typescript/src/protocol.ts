/** The types of docs/protocol.md, and functions on frames. No IO. */

export interface Position {
  epoch: string
  offset: number
}

type Id = number | string

/** A frame that a client sends. The server replies to a frame with an id, under the same id. */
export type ClientFrame = { id?: Id } & (
  | { subscribe: string[]; since?: Record<string, Position>; quiet?: true }
  | { unsubscribe: string[] }
  | { ping: Id }
  | { auth: string }
  | { refresh: string[] }
  | { presence: string[] }
  | { send: string; event: string; payload: Record<string, unknown>; key: string }
  | { state: Record<string, Record<string, unknown> | null> }
)

export interface BroadcastEvent<Payload = Record<string, any>, Name extends string = string> {
  channel: string
  event: Name
  payload: Payload
  /** The event's number in its channel. Absent from ephemeral events, and from those that another tab emitted. */
  offset?: number
  /** True for an event that the server does not keep, such as a cursor's place: it may be missed, and no reset tells of that. */
  ephemeral?: true
  /** When the event was published, in UTC: `2026-11-21T07:00:00.123456Z`. */
  timestamp: string
  /** The client that caused the event, if the publisher named one. Compare it with `client.origin`. */
  origin?: string
}

export interface Subscribed {
  id?: Id
  /** The position before the channel's next event. `recovered` is present only if `since` was sent, `quiet` if it was asked for. */
  subscribed: Record<string, Position & { recovered?: boolean; quiet?: number }>
}

export interface Refusal {
  id?: Id
  /** `channel`: this channel alone is refused. `retry_after`: the seconds after which the server accepts the frame. */
  error: { code: string; message: string; channel?: string; retry_after?: number }
}

export type ServerFrame =
  | BroadcastEvent
  | Subscribed
  | Refusal
  | { id?: Id; unsubscribed: string[] }
  | { id?: Id; authenticated: boolean }
  | { id?: Id; refreshed: string[] }
  | { id?: Id; pong: Id; timestamp: string }
  | { id?: Id; presence: Record<string, { count: number; members: unknown[] }> }
  | { id?: Id; result: unknown }
  | { id?: Id; state: string[] }
  | { reset: Record<string, Position> }

/** The frame in a message, or null if there is none. An event that is lost this way shows as a gap in the offsets. */
export function parse(data: unknown): ServerFrame | null {
  try {
    const frame: unknown = JSON.parse(data as string)
    return typeof frame === "object" ? (frame as ServerFrame | null) : null
  } catch {
    return null
  }
}

/** The id of every `{"auth"}` frame that this client sends. Errors for channels that a renewed token may not join carry it. */
export const AUTH_ID = "auth"

const CHANNEL = /^[\w\-.:/@]{1,200}$/

export const isChannel = (name: unknown): name is string => typeof name === "string" && CHANNEL.test(name)

/** Whether a part of a channel name is a missing value, as in `"items:" + undefined`. */
export const hasMissingPart = (name: string): boolean => /(^|[:/])(undefined|null|NaN)($|[:/])/.test(name)

const CHANNELS_PER_FRAME = 64 // with names and positions of any length, the frame stays below 64 KiB

/** Splits channel names into groups that each fit in one frame. */
export function perFrame(channels: string[]): string[][] {
  const frames: string[][] = []
  for (let at = 0; at < channels.length; at += CHANNELS_PER_FRAME) frames.push(channels.slice(at, at + CHANNELS_PER_FRAME))
  return frames
}

export const isSamePosition = (one: Position | undefined, other: Position): boolean =>
  one?.epoch === other.epoch && one.offset === other.offset

/** Close codes after which the client does not reconnect. 4401 is another one if there is no way to get a new token. */
export const FINAL_CODES: readonly number[] = [1002, 1007, 1008, 1009, 4403]

export const UNAUTHENTICATED = 4401

/** The server cannot accept the connection for a temporary reason. */
export const TRY_AGAIN_LATER = 1013
