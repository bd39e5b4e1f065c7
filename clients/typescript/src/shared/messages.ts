/** What tabs say to each other, over a BroadcastChannel. A leader is known by its term. */

export type ToLeader = { from: string } & ({ hello: true } | { text: string } | { bye: true })

export type ToTabs =
  /** There is a new leader. */
  | { lead: string }
  /** That one is no more, and could not say so itself. */
  | { gone: string }
  /** To these tabs, or to all. */
  | ({ term: string; to?: string[] } & ({ welcome: true } | { open: true } | { text: string } | { close: [code: number, reason: string] }))

export type Message = ToLeader | ToTabs
