/** One response of `text/event-stream`, read as it comes. */

export interface StreamEvents {
  opened(): void
  /** Something came: a message, or a comment that shows that the server is there. */
  alive(): void
  /** `id` is that of the message, or of an earlier one. */
  message(data: string, id: string): void
  /** The server answered something else than a stream. */
  refused(response: Response): void
  /** The stream has ended, or could not be opened. Not called after `close`. */
  ended(reason: string): void
}

export class Stream {
  readonly #abort = new AbortController()
  readonly #on: StreamEvents
  #id = ""

  constructor(url: string, headers: Record<string, string>, on: StreamEvents) {
    this.#on = on
    void this.#run(url, headers)
  }

  close(): void {
    this.#abort.abort()
  }

  async #run(url: string, headers: Record<string, string>): Promise<void> {
    const { signal } = this.#abort
    let reason = "the stream ended"
    try {
      const response = await fetch(url, { headers: { Accept: "text/event-stream", ...headers }, credentials: "include", cache: "no-store", signal })
      if (!response.headers.get("Content-Type")?.startsWith("text/event-stream")) return this.#on.refused(response)
      this.#on.opened()
      await this.#read(response.body!.getReader(), signal)
    } catch (error) {
      reason = String(error)
    }
    if (!signal.aborted) this.#on.ended(reason)
  }

  async #read(reader: ReadableStreamDefaultReader<Uint8Array>, signal: AbortSignal): Promise<void> {
    const decoder = new TextDecoder()
    let rest = ""
    for (;;) {
      const { done, value } = await reader.read()
      if (done || signal.aborted) return
      this.#on.alive()
      const blocks = (rest + decoder.decode(value, { stream: true })).split("\n\n")
      rest = blocks.pop()!
      for (const block of blocks) if (!signal.aborted) this.#block(block)
    }
  }

  #block(block: string): void {
    const data: string[] = []
    for (const line of block.split("\n")) {
      if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""))
      else if (line.startsWith("id:")) this.#id = line.slice(3).trim()
    }
    if (data.length > 0) this.#on.message(data.join("\n"), this.#id)
  }
}
