import { useState } from "react"
import { useMutation, useMutationState, useQuery, useQueryClient, type UseMutateFunction } from "@tanstack/react-query"
import { useBroadcast, useBroadcastInvalidation, useEvents } from "@pattern-stack/broadcast/react"
import { fetchOrders, send, type Change, type Order } from "./api"
import { withAnswer, withChange } from "./changes"
import type { Channels, OrderChanged } from "./channels"

declare module "@pattern-stack/broadcast" {
  interface Register {
    channels: Channels // from here on the compiler knows names and payloads
  }
}

const KEY = ["orders"]
const CHANNEL = "orders"
const TABS = "orders:tabs" // only the tabs of one browser use this channel: the server publishes nothing on it

/** The server's orders with all pending changes applied. A change that fails is no longer pending, and so disappears. */
export function useOrders(): { orders: Order[] | undefined; error: Error | null } {
  const { data, error } = useQuery({ queryKey: KEY, queryFn: fetchOrders })
  useBroadcastInvalidation({ channel: CHANNEL, queryKeyPrefix: KEY })
  useOtherTabs()
  const pending = useMutationState({
    filters: { mutationKey: KEY, status: "pending" },
    select: ({ state }) => state.variables as Change,
  })
  return { orders: data && pending.reduce(withChange, data), error: data ? null : error }
}

/** Returns a function that makes a change. The change is shown at once, here and in the other tabs. */
export function useChange(refused: (error: Error) => void): UseMutateFunction<Order | null, Error, Change> {
  const client = useBroadcast()
  const queries = useQueryClient()
  const { mutate } = useMutation({
    mutationKey: KEY,
    scope: { id: "orders" }, // changes are sent one after the other, in order
    mutationFn: (change: Change) => send(change, client.origin),
    onMutate: (change) => client.emit(TABS, "asked", change),
    onSuccess: (answer, change) => {
      queries.setQueryData<Order[]>(KEY, (orders) => orders && withAnswer(orders, change, answer))
      // a running fetch may have read the data before the change: start it again
      if (queries.isFetching({ queryKey: KEY })) void queries.invalidateQueries({ queryKey: KEY })
    },
    onError: (error) => {
      refused(error)
      client.emit(TABS, "refused", {})
      void queries.invalidateQueries({ queryKey: KEY }) // if only the answer was lost, the change was made
    },
  })
  return mutate
}

/** The number of changes by others to each order since the page was opened. */
export function useChangesByOthers(): Record<string, number> {
  const client = useBroadcast()
  const [counts, setCounts] = useState<Record<string, number>>({})
  const count = ({ entity_id: id }: OrderChanged, { origin }: { origin?: string }): void => {
    if (origin !== client.origin) setCounts((before) => ({ ...before, [id]: (before[id] ?? 0) + 1 }))
  }
  useEvents(CHANNEL, "created", count)
  useEvents(CHANNEL, "updated", count)
  useEvents(CHANNEL, "deleted", count)
  return counts
}

/** Shows the changes that other tabs are making, before the server confirms them. */
function useOtherTabs(): void {
  const queries = useQueryClient()
  useEvents(TABS, "asked", (change) => queries.setQueryData<Order[]>(KEY, (orders) => orders && withChange(orders, change)))
  useEvents(TABS, "refused", () => void queries.invalidateQueries({ queryKey: KEY }))
}
