import { useState } from "react"
import { useMutation, useMutationState, useQuery, useQueryClient, type UseMutateFunction } from "@tanstack/react-query"
import { useBroadcast, useBroadcastEvent, useBroadcastInvalidation } from "@pattern-stack/broadcast/react"
import { fetchOrders, send, type Change, type Order } from "./api"
import { withAnswer, withChange } from "./changes"

const KEY = ["orders"]
const CHANNEL = "orders"
const TABS = "orders:tabs" // the server publishes nothing here: the tabs of one browser talk among themselves

/** What the server said, with the changes on top that are under way. One that fails is simply no longer on top. */
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

/** Ask for a change. It is on the screen at once, here and in the other tabs. */
export function useChange(refused: (error: Error) => void): UseMutateFunction<Order | null, Error, Change> {
  const client = useBroadcast()
  const queries = useQueryClient()
  const { mutate } = useMutation({
    mutationKey: KEY,
    scope: { id: "orders" }, // one after the other: the last word is the last
    mutationFn: (change: Change) => send(change, client.origin),
    onMutate: (change) => client.emit(TABS, "asked", change),
    onSuccess: (answer, change) => {
      queries.setQueryData<Order[]>(KEY, (orders) => orders && withAnswer(orders, change, answer))
      // a fetch that is under way may have read what was there before: it begins anew
      if (queries.isFetching({ queryKey: KEY })) void queries.invalidateQueries({ queryKey: KEY })
    },
    onError: (error) => {
      refused(error)
      client.emit(TABS, "refused", {})
      void queries.invalidateQueries({ queryKey: KEY }) // where the answer was lost, it may have happened
    },
  })
  return mutate
}

/** How often others have changed each order since the page was opened. */
export function useChangesByOthers(): Record<string, number> {
  const client = useBroadcast()
  const [counts, setCounts] = useState<Record<string, number>>({})
  useBroadcastEvent<{ entity_id: string }>(CHANNEL, ({ payload: { entity_id: id }, origin }) => {
    if (origin !== client.origin) setCounts((before) => ({ ...before, [id]: (before[id] ?? 0) + 1 }))
  })
  return counts
}

/** What another tab asks the server for is shown here without waiting for the answer. */
function useOtherTabs(): void {
  const queries = useQueryClient()
  useBroadcastEvent<Change>(TABS, ({ event, payload: change }) => {
    if (event === "asked") queries.setQueryData<Order[]>(KEY, (orders) => orders && withChange(orders, change))
    else void queries.invalidateQueries({ queryKey: KEY })
  })
}
