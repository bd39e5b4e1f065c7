/** Every channel that the document describes, with its events and commands; and the events themselves, as they come. */

import { $, element, write } from "../elements.js"
import { channelPanel } from "./channel.js"
import { Listener } from "./listener.js"

/** Hides what does not have every word of the query in it. */
function search() {
  const words = $("query").value.toLowerCase().split(/\s+/).filter(Boolean)
  let found = 0
  for (const panel of $("channels").children) {
    const name = panel.querySelector("header")?.textContent.toLowerCase() ?? ""
    let some = false
    for (const message of panel.querySelectorAll("details")) {
      message.hidden = !words.every((word) => name.includes(word) || message.dataset.text.includes(word))
      some ||= !message.hidden
      found += !message.hidden
    }
    panel.hidden = !some && !words.every((word) => name.includes(word))
  }
  write($("found"), words.length ? `${found} found` : "")
}

/** Puts the name into the form, with its first parameter selected. */
function tryIt(address) {
  const { channel } = $("subscribe")
  channel.value = address
  const [parameter] = address.match(/\{\w+\}/) ?? []
  channel.focus()
  if (parameter) channel.setSelectionRange(address.indexOf(parameter), address.indexOf(parameter) + parameter.length)
}

async function show() {
  const source = location.pathname.replace(/\/$/, "") + ".json"
  $("source").href = source
  const answer = await fetch(source)
  if (!answer.ok) throw new Error(`${source}: the server answered ${answer.status}`)
  const { info, servers, channels, components } = await answer.json()
  document.title = `${info.title}: channels and events`
  new Listener(location.origin.replace("http", "ws") + servers.websocket.pathname)
  const panels = Object.values(channels).map((channel) => channelPanel(channel, components.schemas, tryIt))
  $("channels").replaceChildren(...(panels.length ? panels : [element("p", { className: "empty" }, "The application declares no channels.")]))
  $("query").oninput = search
  $("search").onsubmit = (submit) => submit.preventDefault()
}

show().catch((error) => $("channels").replaceChildren(element("p", { className: "empty" }, error.message)))
