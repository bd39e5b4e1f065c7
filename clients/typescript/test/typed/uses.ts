/** Right uses of typed channels, and mistakes that the compiler refuses. `package.test.ts` compiles it as a part of an application. */

import { BroadcastClient, type EventOf } from "@pattern-stack/broadcast"
import { useBroadcast, useBroadcastInvalidation, useEvents, usePresence, useSend } from "@pattern-stack/broadcast/react"
import type { Cancelled, Channels, OrderCreated, Status } from "./channels.js"

declare module "@pattern-stack/broadcast" {
  interface Register {
    channels: Channels
  }
}

declare const tenant: string
declare const number: number

const client = new BroadcastClient<Channels>("/ws/broadcast")
const card = { kind: "card", last_four: "1234" } as const

// -- right uses

client.subscribe("orders:acme", (event) => {
  switch (event.event) {
    case "created": {
      const created: OrderCreated = event.payload
      const status: Status | undefined = created.status
      return [status, created.category.children?.[0]?.children, created.bySku?.["x"]?.count, created.size[1].length]
    }
    case "removed":
      return event.payload.reason?.length
    case "paid":
      return event.payload.kind === "card" ? event.payload.last_four : event.payload.due
    default: {
      const none: never = event
      return none
    }
  }
})
client.subscribe(`orders:${tenant}`, ({ channel, offset, timestamp }) => [channel, offset, timestamp])
client.subscribe("orders:acme:7", ({ event }) => event === "moved to")
client.subscribe(`orders:${tenant}:${number}`, (event) => event.event === "line/~" && event.payload.count)
client.subscribe("room:7", (event) => event.event === "presence-joined" && event.payload.count)
client.subscribe("files:a:b:c", (event) => event.event === "changed" && event.payload.sku)
client.subscribe("news", ({ event, payload }) => event + payload.anything)
client.emit("room:7", "said", { sku: "apple", count: 2 })
const cancelled: Promise<Cancelled> = client.send("orders:acme", "cancel", { id: "x", payment: card }, { key: "k" })
const listed: Promise<number> = client.send("orders:acme", "list").then(({ total }) => total)
client.ready("news").then(() => client.refresh("room:7"))
client.setState("room:7", { typing: true })
const untyped = new BroadcastClient<any>("/ws/broadcast")
untyped.subscribe<{ total: number }>("whatever", ({ payload }) => payload.total)
export const moved = (event: EventOf<Channels, "orders:a:b">): string => (event.event === "moved to" ? event.payload.name : event.payload.sku)
export const used = [cancelled, listed]

export function Order(): null {
  useEvents("orders:7", "created", (payload, { offset }) => [payload.lines[0]?.sku, offset])
  useEvents(`orders:${tenant}`, "removed", ({ reason }) => reason?.length)
  useEvents(null, "said", () => {})
  const send = useSend("orders:7")
  send("cancel", { id: "x", payment: card }).then(({ refund }) => refund.length)
  usePresence("room:7")
  useBroadcastInvalidation({ channel: "orders:7", queryKeyPrefix: ["orders"] })
  useBroadcast().subscribe("room:7", (event) => event.event === "said" && event.payload.sku)
  return null
}

// -- mistakes

// @ts-expect-error -- 1: no such channel
client.subscribe("order:acme", () => {})
// @ts-expect-error -- 2: a parameter is one part of the name
client.subscribe("room:7:members", () => {})
// @ts-expect-error -- 3: any text is no channel
client.subscribe(tenant, () => {})
// @ts-expect-error -- 4: no such channel, out of a variable
client.subscribe(`orderz:${tenant}`, () => {})
// @ts-expect-error -- 5: no such event
client.subscribe("orders:acme", (event) => event.event === "createt")
// @ts-expect-error -- 6: the payload of another event
client.subscribe("orders:acme", (event) => event.event === "removed" && event.payload.lines)
// @ts-expect-error -- 7: the union was not told apart
client.subscribe("orders:acme", (event) => event.payload.reason)
// @ts-expect-error -- 8: the field has another name on the wire
client.subscribe("orders:acme", (event) => event.event === "created" && event.payload.placed_at)
// @ts-expect-error -- 9: a Decimal is a text
client.subscribe("orders:acme", (event) => event.event === "created" && event.payload.total.toFixed())
// @ts-expect-error -- 10: it may be null
client.subscribe("orders:acme", (event) => event.event === "removed" && event.payload.reason.length)
// @ts-expect-error -- 11: no member of the enum
client.subscribe("orders:acme", (event) => event.event === "created" && event.payload.status === "paid")
// @ts-expect-error -- 12: a field of the other member of the union
client.subscribe("orders:acme", (event) => event.event === "paid" && event.payload.kind === "card" && event.payload.due)
// @ts-expect-error -- 13: no such command
client.send("orders:acme", "cancle", { id: "x", payment: card })
// @ts-expect-error -- 14: a command of another channel
client.send("room:7", "cancel", { id: "x", payment: card })
// @ts-expect-error -- 15: the payload is missing
client.send("orders:acme", "cancel")
// @ts-expect-error -- 16: a field is missing
client.send("orders:acme", "cancel", { id: "x" })
// @ts-expect-error -- 17: a field has another type
client.send("orders:acme", "cancel", { id: 7, payment: card })
// @ts-expect-error -- 18: there is no such field
client.send("orders:acme", "cancel", { id: "x", payment: card, why: "late" })
// @ts-expect-error -- 19: the wrong fields for this kind
client.send("orders:acme", "cancel", { id: "x", payment: { kind: "card", due: null } })
// @ts-expect-error -- 20: the result has no such field
client.send("orders:acme", "cancel", { id: "x", payment: card }).then(({ amount }) => amount)
// @ts-expect-error -- 21: an emitted event has the declared payload
client.emit("room:7", "said", { sku: "apple" })
// @ts-expect-error -- 22: no such channel
client.presence("rooms:7")

export function Mistakes(): null {
  // @ts-expect-error -- 23: no such event of this channel
  useEvents("orders:7", "said", () => {})
  // @ts-expect-error -- 24: no such channel
  useEvents("order:7", "created", () => {})
  // @ts-expect-error -- 25: no such field
  useEvents("orders:7", "created", ({ when }) => when)
  // @ts-expect-error -- 26: no such command
  useSend("orders:7")("cancle")
  // @ts-expect-error -- 27: no such channel
  useBroadcastInvalidation({ channel: "order:7", queryKeyPrefix: ["orders"] })
  return null
}
