/** Builds what the pages show. Text is never parsed as markup, whoever wrote it. */

export const $ = (id) => document.getElementById(id)

/** Creates an element. `properties` are the element's own; names with `aria-`, `role` and unknown names become attributes, and
 * `data` becomes data attributes. Children may be strings. */
export function element(tag, properties = {}, ...children) {
  const created = document.createElement(tag)
  for (const [name, value] of Object.entries(properties)) {
    if (name === "data") Object.assign(created.dataset, value)
    else if (name in created && !name.startsWith("aria")) created[name] = value
    else if (value !== undefined) created.setAttribute(name, value)
  }
  created.append(...children.filter((child) => child !== null && child !== undefined && child !== false))
  return created
}

/** Makes the children of `parent` match `items`, by key. The element of an item stays the same, so it keeps the focus. */
export function fill(parent, items, { key, make, update = () => {} }) {
  const existing = new Map([...parent.children].map((child) => [child.dataset.key, child]))
  const wanted = new Set(items.map((item, index) => String(key(item, index))))
  for (const [name, child] of existing) if (!wanted.has(name)) child.remove()
  let next = parent.firstElementChild
  for (const [index, item] of items.entries()) {
    const name = String(key(item, index))
    const child = existing.get(name) ?? make(item)
    child.dataset.key = name
    update(child, item)
    if (child === next) next = next.nextElementSibling
    else parent.insertBefore(child, next)
  }
}

/** Sets the text only if it changes, so that selections stay and screen readers are not triggered. */
export function write(target, text) {
  if (target.textContent !== text) target.textContent = text
}

/** Highlights an element that somebody else has changed. */
export function flash(target) {
  target.classList.remove("flash")
  void target.offsetWidth // restarts the animation
  target.classList.add("flash")
}

const TIME_FORMAT = { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false }

/** The time of day, with the date if it is not today. */
export function clock(moment) {
  const date = new Date(moment)
  const time = date.toLocaleTimeString([], TIME_FORMAT)
  if (date.toDateString() === new Date().toDateString()) return time
  return `${date.toLocaleDateString([], { day: "numeric", month: "short" })}, ${time.slice(0, 5)}`
}
