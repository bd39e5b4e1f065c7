import { Connection } from "./Connection"
import { OrderForm } from "./OrderForm"
import { OrderList } from "./OrderList"
import { Toasts, useToasts } from "./Toasts"
import { useChange, useOrders } from "./orders"

export function App() {
  const { toasts, show, dismiss } = useToasts()
  const { orders, error } = useOrders()
  const change = useChange((refusal) => show(refusal.message))
  return (
    <main>
      <header>
        <h1>Orders</h1>
        <Connection />
      </header>
      <OrderForm disabled={!orders} create={(order) => change({ kind: "create", order })} />
      {orders && <OrderList orders={orders} change={change} />}
      {error && <p className="empty">{error.message}</p>}
      <Toasts toasts={toasts} dismiss={dismiss} />
    </main>
  )
}
