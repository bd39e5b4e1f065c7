-- Behind epoch.lua: gives one event its place, keeps it, and tells every instance.
-- ARGV[5], ARGV[6], ARGV[7]: how much is kept, in events, milliseconds and bytes. ARGV[8]: the pub/sub channel.
-- An entry of the stream: e, the event; i, its publish's id; t, its time; b, the bytes of all events of its epoch before it.
local function place(body, id)
  if not known then
    redis.call('DEL', KEYS[1], KEYS[2])
    redis.call('HSET', KEYS[1], 'epoch', epoch, 'offset', 0, 'server', server, 'began', began)
    redis.call('HINCRBY', KEYS[4], 'n', 1)
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
    redis.call('PEXPIRE', KEYS[4], ARGV[2])
    known = true
  end
  offset = redis.call('HINCRBY', KEYS[1], 'offset', 1)
  local most, total = tonumber(ARGV[7]), redis.call('HINCRBY', KEYS[1], 'bytes', #body)
  local oldest = math.max(offset - ARGV[5] + 1, 1)
  while total > most and oldest < offset do
    local entry = redis.call('XRANGE', KEYS[2], oldest .. '-0', '+', 'COUNT', 1)[1]
    local before = entry and tonumber(entry[2][8])
    if not before or total - before <= most then
      break
    end
    oldest = tonumber(string.match(entry[1], '^%d+')) + 1
  end
  redis.call('XADD', KEYS[2], 'MINID', '=', oldest .. '-0', offset .. '-0',
    'e', body, 'i', id, 't', now, 'b', total - #body)
  redis.call('PEXPIRE', KEYS[2], ARGV[6])
  redis.call('PUBLISH', ARGV[8], epoch .. ':' .. offset .. ':' .. body)
end
