-- Ahead of epoch.lua: the channel's history is gone, and it has had one epoch more. So the one that begins has another name.
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('HINCRBY', KEYS[4], 'n', 1)
redis.call('PEXPIRE', KEYS[4], ARGV[2])
