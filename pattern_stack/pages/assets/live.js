/** Shows the events of any channel of the server as they arrive, and publishes events. */

import { connect } from "./broadcast.js"
import { $, clock, element, fill, write } from "./elements.js"
import { Log } from "./log.js"
import { call } from "./rest.js"

const log = new Log($("events"), $("empty"))
const subscriptions = new Map() // channel -> the function that unsubscribes
const client = connect(() => [...subscriptions.keys()])

client.onJoin(readStats)
client.onReset((channel) => logNote(channel, "events were missed, and are not shown"))
client.onError(({ code, message, channel, temporary }) => {
  if (code === "ended") logNote(channel, "the channel has ended")
  else $("refused").textContent = `${code}: ${message}`
  if (!temporary) unsubscribe(channel)
})

function subscribe(channel) {
  if (!subscriptions.has(channel)) subscriptions.set(channel, client.subscribe(channel, logEvent))
  readStats()
}

function unsubscribe(channel) {
  subscriptions.get(channel)?.()
  subscriptions.delete(channel)
  readStats()
}

function logEvent({ channel, event, payload, offset, timestamp }) {
  log.add([clock(timestamp), channel, String(offset), event, element("div", { className: "payload" }, JSON.stringify(payload))])
}

function logNote(channel, text) {
  log.add([clock(Date.now()), channel, "", "", text], "note")
}

function showChannels(counts) {
  fill($("channels"), [...subscriptions.keys()], {
    key: (channel) => channel,
    make: channelRow,
    update: (row, channel) => write(row.querySelector(".count"), `${counts[channel] ?? 0} subscribed`),
  })
}

function channelRow(channel) {
  const button = element("button", { className: "plain", textContent: "\u00d7", "aria-label": `unsubscribe from ${channel}` })
  button.onclick = () => unsubscribe(channel)
  return element("li", {}, element("span", { className: "name" }, channel), element("span", { className: "count number" }), button)
}

async function readStats() {
  try {
    const { connections, channels } = await call("GET", "test/stats")
    write($("totals"), `${connections} ${connections === 1 ? "client" : "clients"} connected`)
    showChannels(channels)
  } catch {
    write($("totals"), "")
    showChannels({})
  }
}

$("subscribe").onsubmit = (submit) => {
  submit.preventDefault()
  $("refused").textContent = ""
  subscribe(submit.target.channel.value)
  submit.target.reset()
}

$("publish").onsubmit = async (submit) => {
  submit.preventDefault()
  const { channel, event, payload } = submit.target
  try {
    const { offset } = await publish(channel.value, event.value, payload.value)
    const hint = subscriptions.has(channel.value) ? "" : ` (this page is not subscribed to ${channel.value})`
    showResult(`published, offset ${offset}${hint}`, "quiet")
  } catch (error) {
    showResult(error.message, "bad")
  }
}

function publish(channel, event, payload) {
  JSON.parse(payload) // throws a readable error; the text itself is sent, so that big numbers stay exact
  return call("POST", "test/broadcast", `{"channel": ${JSON.stringify(channel)}, "event": ${JSON.stringify(event)}, "payload": ${payload}}`)
}

function showResult(text, kind) {
  $("result").textContent = text
  $("result").className = kind
}

$("server").textContent = location.origin
subscribe("orders")
setInterval(() => document.hidden || readStats(), 2000)
