/** A token, and, where it is known, when it runs out: milliseconds since 1970, as `Date.now()` counts. */
export type Token = string | { token: string; expiresAt: number }

/** Where tokens come from. A function is asked for every connection, and again before a token runs out; null gives up.
 * `stale` is the token that was refused or is about to run out, so that a cache can drop it. A promise that fails is
 * asked for again after a while. */
export type TokenSource = string | ((stale?: string) => Token | null | Promise<Token | null>)

const EARLY = 30_000

export class Tokens {
  readonly #source: TokenSource | undefined
  #last: string | undefined
  #expiresAt: number | undefined
  #stale = false

  constructor(source: TokenSource | undefined) {
    this.#source = source
  }

  /** Whether there may be another one after one was refused. */
  get renewable(): boolean {
    return typeof this.#source === "function"
  }

  /** Milliseconds until the last one should be renewed; undefined where that is not known, or too late already: then a clock
   * is wrong, and the server will say. */
  get left(): number | undefined {
    const left = (this.#expiresAt ?? 0) - Date.now()
    return left > 0 ? Math.max(left - EARLY, left / 2, 1_000) : undefined
  }

  /** The last one will not do any more. */
  spoil(): void {
    this.#stale = true
  }

  /** The token to send; undefined where none is needed, null where there is none to be had. */
  async ask(): Promise<string | null | undefined> {
    if (typeof this.#source !== "function") return this.#source
    const given = await this.#source(this.#stale ? this.#last : undefined)
    this.#stale = false
    this.#expiresAt = typeof given === "object" ? given?.expiresAt : undefined
    return (this.#last = typeof given === "object" ? given?.token : given) ?? null
  }
}
