const FIRST = 1_000
const MOST = 30_000

/** Milliseconds to wait after this many failures in a row: doubles from 1 s to 30 s, minus a random part of up to half. */
export function backoff(failures: number): number {
  return Math.min(FIRST * 2 ** failures, MOST) * (1 - Math.random() / 2)
}

/** The delay that a closing server asks for in the close reason, in milliseconds. It spreads the reconnects of its clients. */
export function retryAfter(reason: string): number | undefined {
  const match = /^retry-after=(\d+(?:\.\d+)?)$/.exec(reason)
  return match ? Number(match[1]) * 1_000 : undefined
}
