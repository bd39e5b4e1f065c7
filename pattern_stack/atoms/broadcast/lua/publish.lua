-- Give one event its place, keep it, and tell every instance: one step, so that there is one order.
-- ARGV[3]: the event's bytes. ARGV[4]: the publish's id. ARGV[5], ARGV[6]: events that are kept, and for how many
-- milliseconds. ARGV[7]: the pub/sub channel. ARGV[8]: milliseconds since the publish was first tried and its answer lost;
-- -1 where this is the first time.
-- Returns {epoch, offset}; {} where it cannot be known whether the first try came through.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local tried = tonumber(ARGV[8])
if tried >= 0 then
  local kept = redis.call('XREVRANGE', KEYS[2], '+', '-')
  for _, entry in ipairs(kept) do
    if entry[2][4] == ARGV[4] then
      return {epoch, string.match(entry[1], '%d+')}
    end
  end
  local oldest = kept[#kept]
  local whole = #kept == offset -- nothing of this epoch was dropped
  if not whole and not (oldest and tonumber(oldest[2][6]) < now - tried) then
    return {}
  end
end
offset = redis.call('HINCRBY', KEYS[1], 'offset', 1)
redis.call('XADD', KEYS[2], 'MAXLEN', '=', ARGV[5], offset .. '-0', 'e', ARGV[3], 'i', ARGV[4], 't', now)
redis.call('PEXPIRE', KEYS[2], ARGV[6])
redis.call('PUBLISH', ARGV[7], epoch .. ':' .. offset .. ':' .. ARGV[3])
return {epoch, offset}
