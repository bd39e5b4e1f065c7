/** What was refused. `code` is one of the protocol's error codes, or one of this client's own:
 *
 * - `ended`: the channel is over; nothing comes from it until somebody subscribes anew
 * - `unsubscribed`: nobody here is subscribed to it
 * - `disconnected`: the connection was given up, by `disconnect()` or by the server
 */
export class BroadcastError extends Error {
  override readonly name = "BroadcastError"
  readonly code: string
  readonly channel: string | undefined

  constructor(code: string, message: string, channel?: string) {
    super(message)
    this.code = code
    this.channel = channel
  }
}
