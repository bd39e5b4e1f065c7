/** Short words that come up and go. */

import { element } from "./elements.js"

const AT_MOST = 4

/** Each goes when its animation ends, which waits while somebody points at it or is in it; the oldest makes room for the newest.
 * `kind` is a data-type that the style knows. */
export function toast(kind, title, text = "") {
  const place = document.querySelector(".toasts")
  const dismiss = element("button", { className: "plain", type: "button", textContent: "Dismiss" })
  const role = ["error", "critical"].includes(kind) ? "alert" : "status"
  const one = element("div", { className: "toast", role, data: { type: kind } }, element("strong", {}, title), dismiss)
  if (text) one.append(element("p", {}, text))
  dismiss.onclick = () => one.remove()
  one.onanimationend = () => one.remove()
  place.append(one)
  while (place.children.length > AT_MOST) place.firstElementChild.remove()
  return one
}

/** For what a user asked for: tells what went wrong. Answers whether it went well. */
export async function attempt(work) {
  try {
    await work()
    return true
  } catch (error) {
    toast("error", "That did not work", error.message)
    return false
  }
}
