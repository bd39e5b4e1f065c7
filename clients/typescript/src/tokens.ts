/** A token, and when it expires if that is known, in milliseconds since 1970 (as `Date.now()`). */
export type Token = string | { token: string; expiresAt: number }

/** A token, or a function that returns one. The function is called for each connection, and again before the token expires.
 * `stale` is the token that was refused or is about to expire, so that a cache can drop it. Null means that there is no token:
 * the client disconnects with code 4401. After an error, a rejected promise, or 10 s without an answer, the function is called
 * again later. */
export type TokenSource = string | ((stale?: string) => Token | null | Promise<Token | null>)

const RENEW_BEFORE = 30_000

export class Tokens {
  readonly #source: TokenSource | undefined
  #last: string | undefined
  #expiresAt: number | undefined
  #stale = false
  #calls = 0

  constructor(source: TokenSource | undefined) {
    this.#source = source
  }

  /** Whether another token can be had after one was refused. */
  get renewable(): boolean {
    return typeof this.#source === "function"
  }

  /** Milliseconds until the last token should be renewed. Undefined if its expiry is unknown, or already over: then a clock is
   * wrong, and the server decides. */
  get renewIn(): number | undefined {
    const left = (this.#expiresAt ?? 0) - Date.now()
    return left > 0 ? Math.max(left - RENEW_BEFORE, left / 2, 1_000) : undefined
  }

  /** The last token was refused, or expires soon. */
  markStale(): void {
    this.#stale = true
  }

  /** The token to send: undefined if the client has no token source, null if the source has no token. */
  async get(): Promise<string | null | undefined> {
    if (typeof this.#source !== "function") return this.#source
    const call = ++this.#calls
    const given = await this.#source(this.#stale ? this.#last : undefined)
    if (call !== this.#calls) return null // too late: the function was called again meanwhile
    this.#stale = false
    this.#expiresAt = typeof given === "object" ? given?.expiresAt : undefined
    return (this.#last = typeof given === "object" ? given?.token : given) ?? null
  }
}
