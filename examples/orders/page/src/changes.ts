import type { Change, Order } from "./api"

/** The orders as they are to be. Whatever the server has made of the change already, it is there once. */
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

/** The orders with what the server answered to a change; an order that somebody has changed since stays as it is. */
export function withAnswer(orders: Order[], change: Change, answer: Order | null): Order[] {
  if (answer === null) return withChange(orders, change)
  if (!orders.some(({ id }) => id === answer.id)) return [answer, ...orders]
  return orders.map((order) => (order.id === answer.id && order.version < answer.version ? answer : order))
}
