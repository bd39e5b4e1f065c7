// What the Node peers publish, and what they share: JSON over HTTP, and the control's frames.
exports.event = (channel, event = "tick", payload = { entity_id: "1" }) =>
  ({ channel, event, payload, timestamp: "2026-11-21T07:00:00.123456Z", offset: 1_000_000 })

// Publishes what a frame "K C" asks for: K events on each of the channels 0 to C - 1.
exports.asked = (frame, publish) => {
  const [events, channels] = String(frame).split(" ").map(Number)
  for (let channel = 0; channel < channels; channel++)
    for (let k = 0; k < events; k++) publish(exports.event(String(channel)))
}

// A request handler: POST of {channel, event, payload}.
exports.posted = (publish) => (request, response) => {
  const chunks = []
  request.on("data", (chunk) => chunks.push(chunk))
  request.on("end", () => {
    const { channel, event, payload } = JSON.parse(Buffer.concat(chunks))
    publish(exports.event(channel, event, payload))
    response.writeHead(204).end()
  })
}

exports.listen = (http) => http.listen(0, "127.0.0.1", 4096, () =>
  console.log(`running on http://127.0.0.1:${http.address().port}`))
