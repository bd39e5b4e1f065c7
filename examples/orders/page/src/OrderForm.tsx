import type { NewOrder } from "./api"

export function OrderForm({ disabled, create }: { disabled: boolean; create: (order: NewOrder) => void }) {
  const submit = (form: HTMLFormElement): void => {
    const fields = new FormData(form)
    const text = (name: string): string => String(fields.get(name)).trim()
    create({ id: newId(), customer: text("customer"), item: text("item"), quantity: Number(fields.get("quantity")) })
    form.reset()
    form.querySelector("input")?.focus()
  }
  return (
    <form
      className="new"
      aria-label="New order"
      onSubmit={(event) => {
        event.preventDefault()
        submit(event.currentTarget)
      }}
    >
      <label>
        Customer
        <input name="customer" placeholder="Blue Door Café" required maxLength={80} pattern=".*\S.*" autoComplete="off" />
      </label>
      <label>
        Item
        <input name="item" placeholder="House blend, 1 kg" required maxLength={80} pattern=".*\S.*" autoComplete="off" />
      </label>
      <label>
        Quantity
        <input name="quantity" type="number" min={1} defaultValue={1} required />
      </label>
      <button disabled={disabled}>Add order</button>
    </form>
  )
}

/** `crypto.randomUUID` is missing on pages served over plain HTTP. */
function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("")
}
