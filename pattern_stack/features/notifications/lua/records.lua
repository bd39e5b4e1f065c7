-- Records of one kind: sorted set KEYS[1] of key by place, hash KEYS[2] of key to record, hash KEYS[3] of key to
-- "timestamp" and its tags, each between line breaks.
-- ARGV[1]: the oldest timestamp that is kept; ARGV[2]: how many records are kept; ARGV[3]: for how long, in milliseconds;
-- ARGV[4]: what to do, and its arguments:
--   get KEY; swap KEY OLD NEW TIMESTAMP TAGS ('' is none); list LIMIT TAG...; keys TAG...; clear TAG...
local order, records, about = KEYS[1], KEYS[2], KEYS[3]
local what = ARGV[4]

local function drop(key)
  redis.call('ZREM', order, key)
  redis.call('HDEL', records, key)
  redis.call('HDEL', about, key)
end

local function timestamp(key)
  return string.match(redis.call('HGET', about, key) or '', '^%S+')
end

local function trim()
  while true do
    local oldest = redis.call('ZRANGE', order, 0, 0)[1]
    if not oldest then
      return
    end
    local is_kept = tonumber(timestamp(oldest) or 0) >= tonumber(ARGV[1])
    if is_kept and redis.call('ZCARD', order) <= tonumber(ARGV[2]) then
      return
    end
    drop(oldest)
  end
end

local function matching(first)
  local found = {}
  for _, key in ipairs(redis.call('ZREVRANGE', order, 0, -1)) do
    local its = redis.call('HGET', about, key)
    for index = first, #ARGV do
      its = its and string.find(its, ARGV[index], 1, true) and its
    end
    if its then
      found[#found + 1] = key
    end
  end
  return found
end

local function place_last(key)
  local last = redis.call('ZREVRANGE', order, 0, 0, 'WITHSCORES')[2]
  redis.call('ZADD', order, (last or 0) + 1, key)
end

local function swap(key, old, new, at, tags)
  local current = redis.call('HGET', records, key) or ''
  if current == new then
    return 1
  elseif current ~= old then
    return 0
  elseif new == '' then
    drop(key)
    return 1
  end
  if old == '' or timestamp(key) ~= at then
    place_last(key)
  end
  redis.call('HSET', records, key, new)
  redis.call('HSET', about, key, at .. tags)
  for _, name in ipairs(KEYS) do
    redis.call('PEXPIRE', name, ARGV[3])
  end
  trim()
  return 1
end

trim()
if what == 'get' then
  return redis.call('HGET', records, ARGV[5])
elseif what == 'swap' then
  return swap(ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9])
elseif what == 'list' then
  local found, answer = matching(6), {}
  for index = 1, math.min(#found, tonumber(ARGV[5])) do
    answer[#answer + 1] = redis.call('HGET', records, found[index]) or nil -- it may have been evicted
  end
  return {answer, #found}
elseif what == 'keys' then
  return matching(5)
else
  local found = matching(5)
  for _, key in ipairs(found) do
    drop(key)
  end
  return #found
end
