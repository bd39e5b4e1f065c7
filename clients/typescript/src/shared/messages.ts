/** Messages between tabs, over a BroadcastChannel. `term` identifies a leader. */

export type ToLeader = { from: string } & ({ hello: true } | { text: string } | { bye: true })

export type ToTabs =
  /** A new leader has started. */
  | { lead: string }
  /** That leader is gone, and did not say so itself. */
  | { gone: string }
  /** From a leader to these tabs, or to all of its tabs. */
  | ({ term: string; to?: string[] } & ({ welcome: true } | { open: true } | { text: string } | { close: [code: number, reason: string] }))

export type Message = ToLeader | ToTabs
