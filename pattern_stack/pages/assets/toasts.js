/** Short messages that appear and disappear. */

import { element } from "./elements.js"

const MAX_TOASTS = 4

/** Shows a message until its animation ends, which pauses under the pointer and the focus. The oldest one is removed if there are
 * too many. `kind` is a data-type of the style sheet. */
export function toast(kind, title, text = "") {
  const container = document.querySelector(".toasts")
  const dismiss = element("button", { className: "plain", type: "button", textContent: "Dismiss" })
  const role = ["error", "critical"].includes(kind) ? "alert" : "status"
  const shown = element("div", { className: "toast", role, data: { type: kind } }, element("strong", {}, title), dismiss)
  if (text) shown.append(element("p", {}, text))
  dismiss.onclick = () => shown.remove()
  shown.onanimationend = () => shown.remove()
  container.append(shown)
  while (container.children.length > MAX_TOASTS) container.firstElementChild.remove()
  return shown
}

/** Runs what a user asked for, and shows an error as a toast. Returns whether it succeeded. */
export async function attempt(action) {
  try {
    await action()
    return true
  } catch (error) {
    toast("error", "Request failed", error.message)
    return false
  }
}
