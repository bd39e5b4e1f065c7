import type { Change, Order } from "./api"

/** The orders with a pending change applied. If the server's data contains the change already, it is not applied twice. */
export function withChange(orders: Order[], change: Change): Order[] {
  switch (change.kind) {
    case "create":
      if (orders.some(({ id }) => id === change.order.id)) return orders
      return [{ ...change.order, version: 0, status: "new", pending: true }, ...orders]
    case "update":
      return orders.map((order) => (order.id === change.id ? { ...order, status: change.status, pending: true } : order))
    case "delete":
      return orders.filter(({ id }) => id !== change.id)
  }
}

/** The orders with the server's answer to a change applied. An order with a newer version stays as it is. */
export function withAnswer(orders: Order[], change: Change, answer: Order | null): Order[] {
  if (answer === null) return withChange(orders, change)
  if (!orders.some(({ id }) => id === answer.id)) return [answer, ...orders]
  return orders.map((order) => (order.id === answer.id && order.version < answer.version ? answer : order))
}
