/** Form fields for properties. */

import { element } from "../elements.js"

const TYPES = { text: "text", number: "number", currency: "number", boolean: "checkbox", date: "date", any: "text" }

export function createField({ id, type, options }) {
  const data = { property: id, type }
  if (type !== "select") return element("input", { type: TYPES[type], name: id, data, autocomplete: "off", ...(type.match(/number|currency/) && { step: "any" }) })
  return element("select", { name: id, data }, ...options.map((option) => element("option", { value: option.id }, option.name)))
}

export function setValue(input, value) {
  if (input.type === "checkbox") input.checked = value === true
  else if (input.dataset.type === "any") input.value = value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value)
  else input.value = value ?? ""
}

/** The field's value for the server. An empty number or date is null, which the server refuses with a message. */
export function getValue(input, { type }) {
  if (type === "boolean") return input.checked
  if (type === "number" || type === "currency") return input.value === "" ? null : Number(input.value)
  if (type === "date") return input.value || null
  return input.value
}
