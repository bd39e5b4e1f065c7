/** Whether the same request may succeed later. */
export const isTemporary = (code: string): boolean => ["unavailable", "rate_limited", "internal"].includes(code)

/** A refusal. `code` is one of the protocol's error codes, or one of these:
 *
 * - `ended`: the server ended the channel; it is not requested again until `subscribe` is called for it
 * - `unsubscribed`, and for commands `not_subscribed`: this client has no handler for the channel
 * - `disconnected`: `disconnect()` was called, or the server closed the connection for good
 */
export class BroadcastError extends Error {
  override readonly name = "BroadcastError"
  readonly code: string
  readonly channel: string | undefined
  /** Whether the client tries again by itself. */
  readonly temporary: boolean

  constructor(code: string, message: string, channel?: string) {
    super(message)
    this.code = code
    this.channel = channel
    this.temporary = isTemporary(code)
  }
}
