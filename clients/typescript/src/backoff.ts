const FIRST = 1_000
const LONGEST = 30_000

/** Milliseconds before a try that follows so many failures in a row: doubling from 1 s to 30 s, less up to half of it by chance. */
export function backoff(failures: number): number {
  return Math.min(FIRST * 2 ** failures, LONGEST) * (1 - Math.random() / 2)
}

/** Milliseconds that a closing server asks to wait: it spreads the return of its clients. */
export function retryAfter(reason: string): number | undefined {
  const named = /^retry-after=(\d+(?:\.\d+)?)$/.exec(reason)
  return named ? Number(named[1]) * 1_000 : undefined
}
