export const STATUSES = ["new", "packed", "shipped"] as const
export type Status = (typeof STATUSES)[number]

export interface NewOrder {
  id: string
  customer: string
  item: string
  quantity: number
}

export interface Order extends NewOrder {
  /** Assigned by the server. */
  number?: number
  /** Increases with each change. */
  version: number
  status: Status
  /** Not yet confirmed by the server. */
  pending?: true
}

export type Change =
  | { kind: "create"; order: NewOrder }
  | { kind: "update"; id: string; status: Status }
  | { kind: "delete"; id: string }

export async function fetchOrders({ signal }: { signal: AbortSignal }): Promise<Order[]> {
  return (await call("GET", "", { signal })).json()
}

/** Sends a change to the server, which publishes its event under `origin`. Returns the changed order, or null if it was deleted. */
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
  let response
  try {
    response = await fetch(`/api/orders${path}`, { method, ...options })
  } catch {
    throw new Error("The server cannot be reached.")
  }
  if (!response.ok) throw new Error(await errorMessage(response))
  return response
}

async function errorMessage(response: Response): Promise<string> {
  try {
    return (await response.json()).error.message
  } catch {
    return `The server answered ${response.status}.`
  }
}
