import { STATUSES, type Change, type Order, type Status } from "./api"
import { useChangesByOthers } from "./orders"

type Props = { change: (change: Change) => void }

export function OrderList({ orders, change }: Props & { orders: Order[] }) {
  const byOthers = useChangesByOthers()
  if (orders.length === 0) {
    return <p className="empty">No orders yet. Open this page in a second window, and add one here.</p>
  }
  const shipped = orders.filter(({ status }) => status === "shipped").length
  return (
    <section aria-label="Orders">
      <p className="count">
        {orders.length - shipped} open, {shipped} shipped
      </p>
      <ul className="orders">
        {orders.map((order) => (
          <OrderRow key={order.id} order={order} change={change} byOthers={byOthers[order.id] ?? 0} />
        ))}
      </ul>
    </section>
  )
}

function OrderRow({ order, change, byOthers }: Props & { order: Order; byOthers: number }) {
  const { id, number, customer, item, quantity, status, pending } = order
  return (
    <li data-pending={pending} aria-busy={pending}>
      {byOthers > 0 && <span className="flash" key={byOthers} />}
      <span className="number">{number ?? "–"}</span>
      <span className="customer">{customer}</span>
      <span className="item">
        {quantity} × {item}
      </span>
      <select
        aria-label={`Status of ${customer}`}
        data-status={status}
        value={status}
        onChange={(event) => change({ kind: "update", id, status: event.target.value as Status })}
      >
        {STATUSES.map((one) => (
          <option key={one}>{one}</option>
        ))}
      </select>
      <button className="delete" aria-label={`Delete ${customer}`} onClick={() => change({ kind: "delete", id })}>
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <path d="M4 4l8 8M12 4l-8 8" />
        </svg>
      </button>
    </li>
  )
}
