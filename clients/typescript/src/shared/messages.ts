/** Messages between tabs, over a BroadcastChannel. `term` identifies a leader. */

export type FromTab = { hello: true } | { text: string } | { ping: true } | { bye: true }

export type ToLeader = { from: string } & FromTab

export type FromLeader = { welcome: true } | { open: true } | { text: string } | { pong: true } | { close: [code: number, reason: string] }

export type ToTabs =
  /** A new leader has started. */
  | { lead: string }
  /** That leader has gone without a message, or does not answer. */
  | { gone: string }
  /** From a leader to these tabs, or to all of its tabs. */
  | ({ term: string; to?: string[] } & FromLeader)

export type Message = ToLeader | ToTabs
