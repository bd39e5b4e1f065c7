-- What is carried out once by its key: hash KEYS[1] of owner, renewed and result. See core/ledger.py.
-- ARGV: the step; the owner; how long a record is kept, and after how long an owner is taken for dead, in milliseconds;
-- the result of the step settle.
-- Returns {state, result, replicas}: of the steps renew and settle {'', '', 0}. replicas: how many follow this server, where
-- the state is new; for a new claim has to outlive a failover.
local about = redis.call('INFO', 'replication')
if not string.find(about, 'role:master', 1, true) then
  return redis.error_reply('READONLY it has become a replica')
end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local record = redis.call('HMGET', KEYS[1], 'owner', 'renewed', 'result')
if ARGV[1] == 'claim' then
  if record[3] then
    return {'done', record[3], 0}
  end
  if record[1] and record[1] ~= ARGV[2] then
    return {now - tonumber(record[2]) <= tonumber(ARGV[4]) and 'running' or 'lost', '', 0}
  end
  redis.call('HSET', KEYS[1], 'owner', ARGV[2], 'renewed', now)
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return {'new', '', tonumber(string.match(about, 'connected_slaves:(%d+)'))}
end
if record[1] == ARGV[2] then
  redis.call('HSET', KEYS[1], 'renewed', now)
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  if ARGV[1] == 'settle' then
    redis.call('HSET', KEYS[1], 'result', ARGV[5])
  end
end
return {'', '', 0}
