-- Records of one kind: sorted set KEYS[1] of key by place, hash KEYS[2] of key to record, hash KEYS[3] of key to
-- "timestamp" and its tags, each between line breaks.
-- ARGV[1]: the oldest timestamp that is kept; ARGV[2]: how many records are kept; ARGV[3]: for how long, in milliseconds;
-- ARGV[4]: the command, and its arguments:
--   get KEY; swap KEY OLD NEW TIMESTAMP TAGS ('' is no record); count TAG...; clear TAG...;
--   page LIMIT PIECE PAGE USED BEFORE TAG...; keys LIMIT BEFORE TAG... (BEFORE '' begins with the last record)
local order, records, about = KEYS[1], KEYS[2], KEYS[3]
local command = ARGV[4]

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

-- Keys and places of the records with all tags from ARGV[first] on, the last first.
local function matching(first)
  local keys, places = {}, {}
  local all = redis.call('ZREVRANGE', order, 0, -1, 'WITHSCORES')
  for entry = 1, #all, 2 do
    local its = redis.call('HGET', about, all[entry])
    for index = first, #ARGV do
      its = its and string.find(its, ARGV[index], 1, true) and its
    end
    if its then
      keys[#keys + 1] = all[entry]
      places[#places + 1] = tonumber(all[entry + 1])
    end
  end
  return keys, places
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

-- Records, how many match, the place of the last one, and 0 at the end, 1 where the page is full, 2 where the piece is:
-- it has PIECE bytes. A page has LIMIT records or PAGE bytes, of which USED are in the pieces before; but one at least.
local function page(limit, piece, most, used, before)
  local rows, size, last = {}, 0, before
  local keys, places = matching(10)
  for index, key in ipairs(keys) do
    local row = places[index] < before and redis.call('HGET', records, key) -- it may have been evicted
    if row then
      if #rows == limit or (used + size > 0 and used + size + #row > most) then
        return {rows, #keys, last, 1}
      elseif size >= piece then
        return {rows, #keys, last, 2}
      end
      rows[#rows + 1], size, last = row, size + #row, places[index]
    end
  end
  return {rows, #keys, 0, 0}
end

-- Keys, the place of the last one, and 0 at the end, 2 where there are more.
local function some_keys(limit, before)
  local some, last = {}, before
  local keys, places = matching(7)
  for index, key in ipairs(keys) do
    if places[index] < before then
      if #some == limit then
        return {some, last, 2}
      end
      some[#some + 1], last = key, places[index]
    end
  end
  return {some, 0, 0}
end

trim()
if command == 'get' then
  return redis.call('HGET', records, ARGV[5])
elseif command == 'swap' then
  return swap(ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9])
elseif command == 'page' then
  local before = tonumber(ARGV[9]) or math.huge
  return page(tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), before)
elseif command == 'keys' then
  return some_keys(tonumber(ARGV[5]), tonumber(ARGV[6]) or math.huge)
elseif command == 'count' then
  return #matching(5)
else
  local found = matching(5)
  for _, key in ipairs(found) do
    drop(key)
  end
  return #found
end
