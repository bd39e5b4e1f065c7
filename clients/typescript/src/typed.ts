/** The types of an application's channels, as `pattern-stack types` writes them. Nothing of this is left at run time. */

import type { BroadcastEvent } from "./protocol.js"

/** One channel pattern: the names that it stands for, its events with their payloads, and its commands. */
export interface ChannelTypes {
  channel: string
  /** The last parameter takes the rest of the name, `:` included. */
  rest?: true
  events: object
  commands: object
}

/** In the order of the declarations: the first pattern that matches a name holds. */
export type ChannelList = readonly ChannelTypes[]

/** Add the types of your application's channels here, and every client and hook has them that names no others:
 *
 * `declare module "@pattern-stack/broadcast" { interface Register { channels: Channels } }` */
export interface Register {}

/** The registered channels; `any` where none are. */
export type Registered = Register extends { channels: infer Channels } ? Channels : any

type IsAny<T> = 0 extends 1 & T ? true : false

// -- names

type Split<Name extends string> = Name extends `${infer Head}:${infer Tail}` ? [Head, ...Split<Tail>] : [Name]

type Segments<Types extends ChannelTypes> = Types extends { rest: true } ? [...Split<Types["channel"]>, ...string[]] : Split<Types["channel"]>

type Find<Channels, Name extends string> = Channels extends readonly [infer First extends ChannelTypes, ...infer Rest]
  ? Split<Name> extends Segments<First> ? First : Find<Rest, Name>
  : never

/** What is declared for a name, as the server finds it. */
type Of<Channels, Name extends string> = Name extends string ? Find<Channels, Name> : never

/** The names that a client takes: any, where no channels are given. */
export type ChannelName<Channels> = IsAny<Channels> extends true ? string : Channels extends ChannelList ? Channels[number]["channel"] : never

// -- events

type EventTypes<Channels, Name extends string> = IsAny<Channels> extends true ? Record<string, Record<string, any>> : Of<Channels, Name>["events"]

type Union<Events> = { [Name in keyof Events & string]: BroadcastEvent<Events[Name], Name> }[keyof Events & string]

/** The names of a channel's events. */
export type EventName<Channels, Name extends string> = Name extends string ? keyof EventTypes<Channels, Name> & string : never

/** The events of a channel: a union, which `event` tells apart. */
export type EventOf<Channels, Name extends string> = Name extends string ? Union<EventTypes<Channels, Name>> : never

type In<Events, Event extends string> = Event extends keyof Events ? Events[Event] : never

/** The payload of one event. */
export type PayloadOf<Channels, Name extends string, Event extends string> = Name extends string ? In<EventTypes<Channels, Name>, Event> : never

// -- commands

type Commands<Channels, Name extends string> =
  IsAny<Channels> extends true ? Record<string, { payload?: object; result: any }> : Of<Channels, Name>["commands"]

/** The names of a channel's commands. */
export type CommandName<Channels, Name extends string> = keyof Commands<Channels, Name> & string

type Command<Channels, Name extends string, Event> = Event extends keyof Commands<Channels, Name> ? Commands<Channels, Name>[Event] : never

/** What a command returns. */
export type ResultOf<Channels, Name extends string, Event> = Command<Channels, Name, Event> extends { result: infer Result } ? Result : never

/** What follows the command's name. */
export type CommandArguments<Channels, Name extends string, Event> =
  Command<Channels, Name, Event> extends { payload: infer Payload }
    ? [payload: Payload, options?: { key?: string }]
    : Command<Channels, Name, Event> extends { payload?: infer Payload }
      ? [payload?: Payload, options?: { key?: string }]
      : never

// -- the methods of a client

interface AnySubscribe {
  <Payload = Record<string, any>>(channel: string, handler: (event: BroadcastEvent<Payload>) => void): () => void
}

/** None for a name that no pattern matches part by part: `orders:{tenant}` does not stand for `orders:7:lines`. */
type Handler<Channels, Name extends string> = [Of<Channels, Name>] extends [never] ? never : (event: EventOf<Channels, Name>) => void

interface TypedSubscribe<Channels> {
  <Name extends ChannelName<Channels>>(channel: Name, handler: Handler<Channels, Name>): () => void
}

export type Subscribe<Channels> = IsAny<Channels> extends true ? AnySubscribe : TypedSubscribe<Channels>

interface AnySend {
  <Result = any>(channel: string, event: string, payload?: object, options?: { key?: string }): Promise<Result>
}

interface TypedSend<Channels> {
  <Name extends ChannelName<Channels>, Event extends CommandName<Channels, Name>>(
    channel: Name,
    event: Event,
    ...rest: CommandArguments<Channels, Name, Event>
  ): Promise<ResultOf<Channels, Name, Event>>
}

export type Send<Channels> = IsAny<Channels> extends true ? AnySend : TypedSend<Channels>

interface AnySendOn {
  <Result = any>(event: string, payload?: object, options?: { key?: string }): Promise<Result>
}

interface TypedSendOn<Channels, Name extends string> {
  <Event extends CommandName<Channels, Name>>(event: Event, ...rest: CommandArguments<Channels, Name, Event>): Promise<ResultOf<Channels, Name, Event>>
}

/** `send` for one channel. */
export type SendOn<Channels, Name extends string> = IsAny<Channels> extends true ? AnySendOn : TypedSendOn<Channels, Name>

interface AnyEmit {
  (channel: string, event: string, payload: Record<string, any>): void
}

interface TypedEmit<Channels> {
  <Name extends ChannelName<Channels>, Event extends EventName<Channels, Name>>(
    channel: Name,
    event: Event,
    payload: PayloadOf<Channels, Name, Event>,
  ): void
}

export type Emit<Channels> = IsAny<Channels> extends true ? AnyEmit : TypedEmit<Channels>
