/** What the page shows of each kind of row. Text only: names are those of strangers. */

import { clock, element } from "../elements.js"

const bytes = (count) => (count ? `${count.toLocaleString()} B` : "")
const times = (row) => (row.count > 1 ? `${row.count.toLocaleString()} times` : "")
const user = (row) => (row.user !== null ? String(row.user) : row.anonymous === false ? "without a key" : "anonymous")

function names({ channels, names }) {
  const more = channels - names.length
  return names.join(", ") + (more > 0 ? ` and ${more} more` : "")
}

function age(seconds) {
  if (seconds < 120) return `${Math.floor(seconds)} s`
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`
  return `${Math.floor(seconds / 3_600)} h`
}

const at = { title: "At", text: (row) => clock((row.at ?? row.ended_at) * 1_000), className: "number" }
const who = { title: "User", text: user }
const count = { title: "", label: "How often", text: times, className: "number" }
const on = { title: "Channel", text: (row) => row.channel ?? "" }

/** `actions`: events(channel) opens the channel's events, disconnect(id, button) asks for it. */
export function listsOf(actions) {
  const channel = { title: "Channel", cell: (row) => opening(row.channel, actions), className: "wide" }
  return {
    channels: {
      title: "Channels",
      empty: "No connection of this instance is on a channel.",
      key: (row) => row.channel,
      columns: [
        channel,
        { title: "Connections", text: (row) => row.subscribers.toLocaleString(), className: "number" },
        { title: "Events a second", text: (row) => (row.rate === null ? "–" : row.rate.toFixed(1)), className: "number" },
        { title: "Offset", text: (row) => String(row.offset), className: "number" },
        { title: "Keeps", text: ({ window: { events, seconds } }) => `${events.toLocaleString()} events, ${seconds} s` },
        { title: "Declared as", text: (row) => row.pattern ?? "" },
      ],
    },
    connections: {
      title: "Connections",
      empty: "No connection is open here.",
      key: (row) => row.id,
      columns: [
        who,
        { title: "Id", cell: (row) => element("code", { title: row.id }, row.id.slice(0, 8)) },
        { title: "Open for", text: (row) => age(row.seconds), className: "number" },
        { title: "Over", text: (row) => row.lane },
        { title: "Waits", text: (row) => bytes(row.waiting) || (row.blocked ? "blocked" : ""), className: "number" },
        { title: "Channels", text: names, className: "wide" },
        { title: "", label: "Disconnect", cell: (row) => disconnecting(row, actions), className: "end" },
      ],
    },
    ended: {
      title: "Ended",
      empty: "No connection has ended since the inspector began to look.",
      key: (row) => row.id,
      columns: [
        at,
        who,
        { title: "Code", text: (row) => String(row.code), className: "number" },
        { title: "By", text: (row) => (row.by === "server" ? "this server" : "the client") },
        { title: "Reason", text: (row) => row.reason },
        { title: "Waited", text: (row) => bytes(row.waiting), className: "number" },
        { title: "Channels", text: names, className: "wide" },
      ],
    },
    refused: {
      title: "Refused",
      key: (row) => JSON.stringify([row.what, row.code, row.user, row.channel, row.reason]),
      columns: [at, who, { title: "What", text: (row) => row.what }, { title: "Code", text: (row) => String(row.code) }, on, { title: "Reason", text: (row) => row.reason }, count],
    },
    origins: {
      title: "Pages of other origins",
      key: (row) => JSON.stringify([row.origin, row.host]),
      columns: [at, { title: "Origin", text: (row) => row.origin }, { title: "Host that arrived", text: (row) => row.host }, { title: "Setting", text: (row) => row.setting }, count],
    },
    resets: {
      title: "Told to refetch",
      key: (row) => JSON.stringify([row.channel, row.reason, row.user]),
      columns: [
        at,
        on,
        { title: "Why", text: (row) => (row.reason === "store" ? "the store has lost its events" : "away for longer than it is kept") },
        { title: "Who", text: (row) => (row.reason === "store" ? `${row.clients} clients` : user(row)) },
        count,
      ],
    },
    failures: {
      title: "Failed",
      key: (row) => JSON.stringify([row.what, row.text, row.error]),
      columns: [at, { title: "What", text: (row) => row.text, className: "wide" }, { title: "Error", text: (row) => row.error ?? "" }, count],
    },
    unheard: {
      title: "Published, and nobody was on it here",
      key: (row) => row.channel,
      columns: [at, channel, { title: "Events", text: (row) => row.count.toLocaleString(), className: "number" }],
    },
    handlers: {
      title: "Handlers",
      key: (row, index) => `${row.channel} ${row.handler} ${index}`,
      columns: [{ title: "Handler", text: (row) => row.handler ?? "an iterator" }, on, { title: "Events that wait", text: (row) => row.waiting.toLocaleString(), className: "number" }],
    },
    hooks: {
      title: "Hooks that run now",
      key: (row, index) => JSON.stringify([row.hook, row.channel, row.user, index]),
      columns: [{ title: "Hook", text: (row) => row.hook }, on, who, { title: "For", text: (row) => age(row.seconds), className: "number" }],
    },
    outboxes: {
      title: "Outboxes",
      key: (row, index) => String(index),
      columns: [
        { title: "Rows that wait", text: (row) => row.waiting.toLocaleString(), className: "number" },
        { title: "Set aside", text: (row) => row.set_aside.map((one) => `${one.channel}: ${one.error}`).join("; "), className: "wide" },
        { title: "Trouble", text: (row) => row.trouble ?? row.unread ?? "", className: "wide" },
      ],
    },
  }
}

function opening(channel, actions) {
  const button = element("button", { className: "name", type: "button", "aria-label": `Events of ${channel}` }, channel)
  button.onclick = () => actions.events(channel)
  return button
}

/** A second press does it. */
function disconnecting(row, actions) {
  const button = element("button", { className: "plain danger", type: "button", "aria-label": `Disconnect ${user(row)}, ${row.id}` }, "Disconnect")
  button.onblur = () => {
    button.textContent = "Disconnect"
    delete button.dataset.armed
  }
  button.onclick = () => {
    if (button.dataset.armed) actions.disconnect(row.id)
    else button.textContent = `Disconnect ${user(row)} now`
    button.dataset.armed = "yes"
  }
  return button
}
