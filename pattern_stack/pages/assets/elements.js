/** Building what is shown. Text is text, whoever wrote it: nothing here parses markup. */

export const $ = (id) => document.getElementById(id)

/** `properties` are the element's own; `aria-` ones, `role` and `data` are attributes. Children may be strings. */
export function element(tag, properties = {}, ...children) {
  const one = document.createElement(tag)
  for (const [name, value] of Object.entries(properties)) {
    if (name === "data") Object.assign(one.dataset, value)
    else if (name in one && !name.startsWith("aria")) one[name] = value
    else if (value !== undefined) one.setAttribute(name, value)
  }
  one.append(...children.filter((child) => child !== null && child !== undefined && child !== false))
  return one
}

/** Brings the children of `parent` to `items`, by their keys. An element stays the same as long as its item does, and with it
 * the keyboard's focus. */
export function fill(parent, items, { key, make, update = () => {} }) {
  const left = new Map([...parent.children].map((child) => [child.dataset.key, child]))
  const wanted = new Set(items.map((item) => String(key(item))))
  for (const [name, child] of left) if (!wanted.has(name)) child.remove()
  let at = parent.firstElementChild
  for (const item of items) {
    const name = String(key(item))
    const child = left.get(name) ?? make(item)
    child.dataset.key = name
    update(child, item)
    if (child === at) at = at.nextElementSibling
    else parent.insertBefore(child, at)
  }
}

/** Writes only what is new, so that selections and screen readers are left in peace. */
export function write(one, text) {
  if (one.textContent !== text) one.textContent = text
}

/** Draws the eye to what somebody else has changed. */
export function flash(one) {
  one.classList.remove("flash")
  void one.offsetWidth // so that it begins again
  one.classList.add("flash")
}

const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false }

/** The time of day, and the day where it is another one. */
export function clock(moment) {
  const date = new Date(moment)
  const time = date.toLocaleTimeString([], CLOCK)
  if (date.toDateString() === new Date().toDateString()) return time
  return `${date.toLocaleDateString([], { day: "numeric", month: "short" })}, ${time.slice(0, 5)}`
}
