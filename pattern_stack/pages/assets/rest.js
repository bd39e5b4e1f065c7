/** Calls the REST endpoints of the page's server. */

let origin = Array.from({ length: 3 }, () => Math.random().toString(36).slice(2, 8)).join("")

/** Sets the origin of the events that later calls cause. */
export function setOrigin(name) {
  origin = name
}

const address = (path) => new URL(`../${path}`, import.meta.url)

/** Throws an Error with a message for users, and the server's code as `code`. */
export async function call(method, path, body) {
  const headers = { "X-Origin": origin, ...(body !== undefined && { "Content-Type": "application/json" }) }
  const text = typeof body === "string" ? body : JSON.stringify(body)
  const response = await fetch(address(path), { method, headers, body: text }).catch(() => {
    throw new Error("The server cannot be reached.")
  })
  if (response.status === 204) return null
  const answer = await response.json().catch(() => ({ error: { code: "", message: `The server answered ${response.status}.` } }))
  if (!response.ok) {
    const { code, message } = answer.error ?? { code: "", message: `The server answered ${response.status}.` } // of another application
    throw Object.assign(new Error(message), { code, status: response.status })
  }
  return answer
}

export const api = {
  get: (path) => call("GET", `api/v1/${path}`),
  post: (path, body = {}) => call("POST", `api/v1/${path}`, body),
  delete: (path) => call("DELETE", `api/v1/${path}`),
  /** Posts while the page is closing, without waiting for an answer. */
  postOnClose: (path) => void navigator.sendBeacon(address(`api/v1/${path}`), new Blob(["{}"], { type: "application/json" })),
}
