/** Subscribes to channels of the server, and shows their events. */

import { BroadcastClient } from "../client.js"
import { $, clock, element, fill } from "../elements.js"
import { Log } from "../log.js"
import { showState } from "../state.js"

export class Listener {
  #url
  #token = ""
  #client
  #subscriptions = new Map() // channel -> the function that unsubscribes
  #log = new Log($("events"), $("empty"))

  constructor(url) {
    this.#url = url
    $("clear").onclick = () => this.#log.clear()
    $("subscribe").onsubmit = (submit) => {
      submit.preventDefault()
      const { channel, token } = submit.target
      this.subscribe(channel.value, token.value)
    }
  }

  subscribe(channel, token) {
    $("refused").textContent = ""
    if (!this.#client || token !== this.#token) this.#connect(token)
    if (!this.#subscriptions.has(channel)) this.#subscriptions.set(channel, this.#follow(channel))
    this.#show()
  }

  #connect(token) {
    this.#client?.disconnect()
    this.#token = token
    this.#client = new BroadcastClient(this.#url, token ? { token } : {})
    showState(this.#client, $("state"), () => [...this.#subscriptions.keys()])
    this.#client.onReset((channel) => this.#log.add([clock(Date.now()), "", `events of ${channel} were missed`], "note"))
    this.#client.onError((error) => this.#refused(error))
    this.#client.connect()
    for (const channel of this.#subscriptions.keys()) this.#subscriptions.set(channel, this.#follow(channel))
  }

  #follow(channel) {
    return this.#client.subscribe(channel, ({ event, payload, timestamp }) => {
      const shown = element("div", { className: "payload" }, JSON.stringify(payload))
      this.#log.add([clock(timestamp), element("span", { title: channel }, event), shown])
    })
  }

  #refused({ code, message, channel, temporary }) {
    $("refused").textContent = `${channel ?? ""} ${code}: ${message}`
    if (!temporary && channel) this.#unsubscribe(channel)
  }

  #unsubscribe(channel) {
    this.#subscriptions.get(channel)?.()
    this.#subscriptions.delete(channel)
    this.#show()
  }

  #show() {
    fill($("subscribed"), [...this.#subscriptions.keys()], { key: (channel) => channel, make: (channel) => this.#row(channel) })
  }

  #row(channel) {
    const button = element("button", { className: "plain", textContent: "\u00d7", "aria-label": `unsubscribe from ${channel}` })
    button.onclick = () => this.#unsubscribe(channel)
    return element("li", {}, element("span", { className: "name" }, channel), button)
  }
}
