/** An example of a value that a JSON Schema describes. */

const DEEPEST = 6
const PLAIN = { string: "", integer: 0, number: 0, boolean: false }

/** `schemas` are the named ones of the document. A schema's own example is used where it has one. */
export function example(schema, schemas, depth = 0) {
  const one = resolved(schema ?? {}, schemas)
  if (one.examples?.length) return one.examples[0]
  if ("const" in one) return one.const
  if ("default" in one && one.default !== null) return one.default
  if (one.enum) return one.enum[0]
  const choices = one.anyOf ?? one.oneOf ?? one.allOf
  if (choices) return example(choices.find((choice) => choice.type !== "null") ?? choices[0], schemas, depth)
  if (depth === DEEPEST) return null
  if (one.type === "array") return [example(one.items, schemas, depth + 1)]
  if (one.properties) return Object.fromEntries(Object.entries(one.properties).map(([name, its]) => [name, example(its, schemas, depth + 1)]))
  return one.type === "object" ? {} : (PLAIN[one.type] ?? null)
}

function resolved(schema, schemas) {
  const name = schema.$ref?.split("/").at(-1)
  return name ? (schemas[name] ?? {}) : schema
}

/** The type in words: `integer`, `string or null`. */
export function typeOf(schema, schemas) {
  const one = resolved(schema ?? {}, schemas)
  if (one.enum) return one.enum.join(" | ")
  const choices = one.anyOf ?? one.oneOf
  return choices ? choices.map((choice) => typeOf(choice, schemas)).join(" or ") : (one.type ?? "any")
}
