/** Any channel of the server, its events as they come, and a form that publishes. */

import { Connection } from "./connection.js"
import { $, clock, element, fill, write } from "./elements.js"
import { Log } from "./log.js"
import { call } from "./rest.js"
import { showState } from "./state.js"

const log = new Log($("events"), $("empty"))
const connection = new Connection(showState($("state")))

function follow(channel) {
  if (connection.follows(channel)) return
  connection.follow(channel, {
    joined: count,
    event: ({ event, payload, offset, timestamp }) =>
      log.add([clock(timestamp), channel, String(offset), event, element("div", { className: "payload" }, JSON.stringify(payload))]),
    reset: () => note(channel, "continuity was lost: what happened meanwhile is not shown"),
    refused({ code, message }) {
      $("refused").textContent = `${code}: ${message}`
      count()
    },
    ended() {
      note(channel, "the channel has ended")
      count()
    },
  })
  count()
}

function note(channel, text) {
  log.add([clock(Date.now()), channel, "", "", text], "note")
}

function list(counts) {
  fill($("channels"), connection.channels, {
    key: (channel) => channel,
    make: line,
    update: (one, channel) => write(one.querySelector(".count"), `${counts[channel] ?? 0} subscribed`),
  })
}

function line(channel) {
  const off = element("button", { className: "plain", textContent: "\u00d7", "aria-label": `unsubscribe from ${channel}` })
  off.onclick = () => {
    connection.leave(channel)
    count()
  }
  return element("li", {}, element("span", { className: "name" }, channel), element("span", { className: "count number" }), off)
}

async function count() {
  try {
    const { connections, channels } = await call("GET", "test/stats")
    write($("totals"), `${connections} ${connections === 1 ? "client" : "clients"} connected`)
    list(channels)
  } catch {
    write($("totals"), "")
    list({})
  }
}

$("subscribe").onsubmit = (submit) => {
  submit.preventDefault()
  $("refused").textContent = ""
  follow(submit.target.channel.value)
  submit.target.reset()
}

$("publish").onsubmit = async (submit) => {
  submit.preventDefault()
  const { channel, event, payload } = submit.target
  try {
    const { offset } = await publish(channel.value, event.value, payload.value)
    const unseen = connection.follows(channel.value) ? "" : ` (not subscribed to ${channel.value} here)`
    say(`published, offset ${offset}${unseen}`, "quiet")
  } catch (error) {
    say(error.message, "bad")
  }
}

function publish(channel, event, payload) {
  JSON.parse(payload) // says what is wrong with it; sent as it was typed, big numbers and all
  return call("POST", "test/broadcast", `{"channel": ${JSON.stringify(channel)}, "event": ${JSON.stringify(event)}, "payload": ${payload}}`)
}

function say(text, kind) {
  $("said").textContent = text
  $("said").className = kind
}

$("here").textContent = location.origin
follow("orders")
setInterval(() => document.hidden || count(), 2000)
