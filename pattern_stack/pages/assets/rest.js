/** The REST surface of this page's server. */

let origin = Array.from({ length: 3 }, () => Math.random().toString(36).slice(2, 8)).join("")

/** From now on the events that calls of this page cause carry this as their `origin`. */
export function speakAs(name) {
  origin = name
}

const address = (path) => new URL(`../${path}`, import.meta.url)

/** Throws an Error whose message can be shown, and whose `code` is the server's. */
export async function call(method, path, body) {
  const headers = { "X-Origin": origin, ...(body !== undefined && { "Content-Type": "application/json" }) }
  const sent = typeof body === "string" ? body : JSON.stringify(body)
  const answer = await fetch(address(path), { method, headers, body: sent }).catch(() => {
    throw new Error("The server cannot be reached.")
  })
  if (answer.status === 204) return null
  const said = await answer.json().catch(() => ({ error: { code: "", message: `The server answered ${answer.status}.` } }))
  if (!answer.ok) throw Object.assign(new Error(said.error.message), { code: said.error.code })
  return said
}

export const api = {
  get: (path) => call("GET", `api/v1/${path}`),
  post: (path, body = {}) => call("POST", `api/v1/${path}`, body),
  delete: (path) => call("DELETE", `api/v1/${path}`),
  /** Without waiting: while the page goes away. */
  last: (path) => void navigator.sendBeacon(address(`api/v1/${path}`), new Blob(["{}"], { type: "application/json" })),
}
