/** Milliseconds to wait after this many failures in a row: doubles from `first` to `most`, minus a random part of up to half. */
export function backoff(failures: number, first = 1_000, most = 30_000): number {
  return Math.min(first * 2 ** failures, most) * (1 - Math.random() / 2)
}

/** The delay that a closing server asks for in the close reason, in milliseconds. It spreads the reconnects of its clients. */
export function retryAfter(reason: string): number | undefined {
  const match = /^retry-after=(\d+(?:\.\d+)?)$/.exec(reason)
  return match ? Number(match[1]) * 1_000 : undefined
}

/** A close after which the client reconnects at once, and recovers from its positions. */
export const RECONNECT_NOW: [code: number, reason: string] = [1012, "retry-after=0"]
