export { BroadcastClient, type BroadcastOptions, type Presence } from "./client.js"
export { BroadcastError } from "./errors.js"
export { getBroadcastClient, initBroadcast } from "./instance.js"
export type { BroadcastState, Close, Reconnect, Transport } from "./link.js"
export type { Unsubscribe } from "./listeners.js"
export type { BroadcastEvent } from "./protocol.js"
export { webSocket, type BroadcastSocket, type SocketFactory } from "./socket.js"
export type { Token, TokenSource } from "./tokens.js"
export type {
  ChannelList,
  ChannelName,
  ChannelTypes,
  CommandName,
  EventName,
  EventOf,
  PayloadOf,
  Register,
  Registered,
  ResultOf,
  SendOn,
} from "./typed.js"
export type { Member } from "@pattern-stack/broadcast/upstream"
