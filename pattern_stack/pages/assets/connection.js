/** One connection to the broadcast endpoint of this page's server, kept up. Positions are kept, so that a break costs nothing. */

const STOP = new Set([1002, 1007, 1008, 1009, 4401, 4403])
const PASSING = new Set(["unavailable", "rate_limited", "internal"])
const SILENCE = 30_000 // then a ping asks whether the server is still there
const PATIENCE = 10_000 // then it is not

export class Connection {
  #channels = new Map() // name -> { handlers, position, joined, asked, told }
  #show
  #socket
  #retry
  #failures = 0
  #ids = 0
  #heard = 0
  #pinged = 0
  #eager = false

  /** `show(state, detail)`: connecting, connected, reconnecting, stopped. */
  constructor(show) {
    this.#show = show
    this.#connect()
    setInterval(() => this.#watch(), 5_000)
    addEventListener("online", () => this.#wake())
    document.addEventListener("visibilitychange", () => document.hidden || this.#wake())
  }

  /** Calls, where they are given:
   * `joined()`: what is read from now on, later events follow. Once.
   * `event(event)`: in order, each once, a snapshot too.
   * `recovered()`: the connection is another one, and what was missed follows.
   * `reset(amid)`: events may have been missed. Where the channel has a snapshot, one follows; not when it happened `amid`.
   * `refused(error)`, `ended()`: the channel is not followed any more. */
  follow(channel, handlers) {
    this.#channels.set(channel, { handlers, position: null, joined: false, asked: 0, told: false })
    this.#subscribe(channel)
  }

  leave(channel) {
    if (this.#channels.delete(channel)) this.#send({ unsubscribe: [channel] })
  }

  follows(channel) {
    return this.#channels.has(channel)
  }

  get channels() {
    return [...this.#channels.keys()]
  }

  /** Asks for a new snapshot. */
  refresh(channel) {
    this.#send({ refresh: [channel] })
  }

  #send(frame) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame))
  }

  #subscribe(name) {
    const channel = this.#channels.get(name)
    channel.asked = ++this.#ids
    channel.joined = false
    this.#send({ subscribe: [name], id: channel.asked, ...(channel.position && { since: { [name]: channel.position } }) })
  }

  #connect() {
    clearTimeout(this.#retry)
    this.#eager = false
    this.#show("connecting", "")
    const socket = new WebSocket(new URL("../ws/broadcast", import.meta.url).href.replace(/^http/, "ws"))
    socket.onopen = () => {
      this.#heard = performance.now()
      this.#pinged = 0
      for (const name of this.#channels.keys()) this.#subscribe(name)
      this.#send({ ping: "open" }) // a page that follows nothing learns from the answer that somebody is there
    }
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data))
    socket.onclose = ({ code, reason }) => this.#gone(code, reason)
    this.#socket = socket
  }

  #gone(code, reason) {
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null
    this.#socket.close()
    if (STOP.has(code)) return this.#show("stopped", `${code} ${reason}`.trim())
    const named = /^retry-after=([\d.]+)$/.exec(reason)
    const delay = named ? Number(named[1]) : Math.min(2 ** this.#failures++, 30) * (0.5 + Math.random() / 2)
    this.#eager = !named
    this.#show("reconnecting", `next try in ${delay.toFixed(0)} s`)
    this.#retry = setTimeout(() => this.#connect(), delay * 1000)
  }

  #wake() {
    if (this.#eager) {
      this.#eager = false
      this.#connect()
    } else this.#probe()
  }

  #probe() {
    if (this.#socket.readyState !== WebSocket.OPEN || this.#pinged) return
    this.#pinged = performance.now()
    this.#send({ ping: "there?" })
  }

  /** A line that is dead without a word, after a sleep for instance, is found out. */
  #watch() {
    const now = performance.now()
    if (this.#pinged && now - this.#pinged > PATIENCE) this.#gone(1006, "")
    else if (now - this.#heard > SILENCE) this.#probe()
  }

  #receive(frame) {
    this.#heard = performance.now()
    this.#pinged = 0
    if (frame.pong || frame.subscribed) {
      this.#failures = 0
      this.#show("connected", "")
    }
    if (frame.channel) this.#event(frame)
    else if (frame.subscribed) for (const [name, place] of Object.entries(frame.subscribed)) this.#joined(name, frame.id, place)
    else if (frame.reset) for (const [name, position] of Object.entries(frame.reset)) this.#reset(name, position)
    else if (frame.unsubscribed && frame.id === undefined) for (const name of frame.unsubscribed) this.#drop(name, "ended")
    else if (frame.error) this.#refused(frame.id, frame.error)
  }

  #joined(name, id, { epoch, offset, recovered }) {
    const channel = this.#channels.get(name)
    if (channel?.asked !== id || channel.joined) return
    const first = !channel.position
    channel.joined = true
    channel.position = { epoch, offset }
    channel.told = recovered === false // now: the connection may break before the reset frame comes
    if (first) channel.handlers.joined?.()
    else if (recovered) channel.handlers.recovered?.()
    else channel.handlers.reset?.(false)
  }

  #reset(name, position) {
    const channel = this.#channels.get(name)
    if (!channel?.joined) return
    const { told } = channel
    channel.told = false
    channel.position = position
    if (!told) channel.handlers.reset?.(true)
  }

  #event(event) {
    const channel = this.#channels.get(event.channel)
    if (!channel?.joined) return // of a subscription that was left, or what the replay brings once more
    const { position } = channel
    if (event.event !== "snapshot" && event.offset <= position.offset) return
    const missing = event.event !== "snapshot" && event.offset > position.offset + 1
    position.offset = event.offset
    if (missing) channel.handlers.reset?.(true)
    channel.handlers.event?.(event)
  }

  #refused(id, error) {
    const asked = [...this.#channels].find(([, channel]) => channel.asked === id)?.[0]
    const name = error.channel ?? asked
    if (!this.#channels.has(name)) return console.warn(error.code, error.message)
    if (!PASSING.has(error.code)) return this.#drop(name, "refused", error)
    setTimeout(() => this.#channels.has(name) && this.#subscribe(name), 1_000 + Math.random() * 1_000)
  }

  #drop(name, how, error) {
    const { handlers } = this.#channels.get(name) ?? {}
    this.#channels.delete(name)
    handlers?.[how]?.(error)
  }
}
