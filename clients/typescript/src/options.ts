/** Checks of what an application passes in. */

/** False in a production build. Bundlers replace `process.env.NODE_ENV`; in a browser without a bundler there is no `process`. */
export function isDevelopment(): boolean {
  try {
    return process.env["NODE_ENV"] !== "production"
  } catch {
    return false
  }
}

/** Refuses options that do not exist: throws a TypeError in development, and warns in production. */
export function checkNames(where: string, options: object, names: readonly string[]): void {
  const unknown = Object.keys(options).filter((name) => !names.includes(name))
  if (unknown.length === 0) return
  const message = `${where} has no option ${unknown.join(", ")}; it has ${names.join(", ")}`
  if (isDevelopment()) throw new TypeError(message)
  console.warn(`[broadcast] ${message}`)
}

/** Throws a TypeError unless the value is a number of at least `least`. */
export function checkNumber(name: string, value: number, least: number): void {
  if (typeof value !== "number" || !(value >= least)) throw new TypeError(`${name} is a number of at least ${least}, not ${value}`)
}

/** Whether two values are equal: objects by their properties, functions as `sameFunction` says, anything else by identity. */
export function isEqual(one: unknown, other: unknown, sameFunction: (one: unknown, other: unknown) => boolean = Object.is): boolean {
  if (typeof one === "function" && typeof other === "function") return sameFunction(one, other)
  if (!isObject(one) || !isObject(other)) return Object.is(one, other)
  return Object.keys({ ...one, ...other }).every((name) => isEqual(one[name], other[name], sameFunction))
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null
