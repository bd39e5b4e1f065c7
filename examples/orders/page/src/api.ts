export const STATUSES = ["new", "packed", "shipped"] as const
export type Status = (typeof STATUSES)[number]

export interface NewOrder {
  id: string
  customer: string
  item: string
  quantity: number
}

export interface Order extends NewOrder {
  /** Given by the server. */
  number?: number
  /** Rises with each change. */
  version: number
  status: Status
  /** Shown before the server has said yes. */
  pending?: true
}

export type Change =
  | { kind: "create"; order: NewOrder }
  | { kind: "update"; id: string; status: Status }
  | { kind: "delete"; id: string }

export async function fetchOrders({ signal }: { signal: AbortSignal }): Promise<Order[]> {
  return (await call("GET", "", { signal })).json()
}

/** Ask the server for a change. `origin` lets it tell everybody whose doing it was. Returns the order as it is then. */
export async function send(change: Change, origin: string): Promise<Order | null> {
  const headers = { "Content-Type": "application/json", "X-Origin": origin }
  switch (change.kind) {
    case "create":
      return (await call("POST", "", { headers, body: JSON.stringify(change.order) })).json()
    case "update":
      return (await call("PATCH", `/${change.id}`, { headers, body: JSON.stringify({ status: change.status }) })).json()
    case "delete":
      await call("DELETE", `/${change.id}`, { headers })
      return null
  }
}

async function call(method: string, path: string, options: RequestInit): Promise<Response> {
  let answer
  try {
    answer = await fetch(`/api/orders${path}`, { method, ...options })
  } catch {
    throw new Error("The server cannot be reached.")
  }
  if (!answer.ok) throw new Error(await reason(answer))
  return answer
}

async function reason(answer: Response): Promise<string> {
  try {
    return (await answer.json()).error.message
  } catch {
    return `The server said ${answer.status}.`
  }
}
