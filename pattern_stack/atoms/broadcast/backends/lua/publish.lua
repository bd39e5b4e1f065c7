-- Give one event its place, keep it, and tell every instance: one step, so that there is one order.
-- ARGV[3]: the event's bytes. ARGV[4]: the publish's id. ARGV[5], ARGV[6], ARGV[7]: how much is kept, in events,
-- milliseconds and bytes. ARGV[8]: the pub/sub channel. ARGV[9]: milliseconds since the publish was first tried and its
-- answer lost; -1 where this is the first time. KEYS[3]: there once the publish was tried again.
-- An entry of the stream: e, the event; i, its publish's id; t, its time; b, the bytes of all events of its epoch before it.
-- Returns {epoch, offset}; {} where it cannot be known whether the first try came through, and for a first try that
-- comes after the second one: a broken network may still deliver it.
local tried = tonumber(ARGV[9])
if tried < 0 then
  if redis.call('EXISTS', KEYS[3]) == 1 then
    return {}
  end
else
  local first = now - tried
  local all = offset == 0 and began < first -- whether all that was published since the first try has been looked at
  local before, count = '+', 1
  while not all do
    local some = redis.call('XREVRANGE', KEYS[2], before, '-', 'COUNT', count)
    if #some == 0 then
      return {}
    end
    for _, entry in ipairs(some) do
      local this = tonumber(string.match(entry[1], '^%d+'))
      if entry[2][4] == ARGV[4] then
        return {epoch, this}
      end
      all = tonumber(entry[2][6]) < first or (this == 1 and began < first)
      if all then
        break
      end
      before = (this - 1) .. '-0'
    end
    count = count * 2
  end
  redis.call('SET', KEYS[3], '', 'PX', 3600000)
end
if not known then
  redis.call('DEL', KEYS[1], KEYS[2])
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'offset', 0, 'server', server, 'began', began)
  redis.call('HINCRBY', KEYS[4], 'n', 1)
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  redis.call('PEXPIRE', KEYS[4], ARGV[2])
end
offset = redis.call('HINCRBY', KEYS[1], 'offset', 1)
local most, total = tonumber(ARGV[7]), redis.call('HINCRBY', KEYS[1], 'bytes', #ARGV[3])
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
  'e', ARGV[3], 'i', ARGV[4], 't', now, 'b', total - #ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[6])
redis.call('PUBLISH', ARGV[8], epoch .. ':' .. offset .. ':' .. ARGV[3])
return {epoch, offset}
