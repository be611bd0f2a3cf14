#!lua
-- Write an entry of a KV namespace, and throw some away that have expired.
--
-- KEYS  1 names   2 values   3 metadata   4 expiry times
-- ARGV  1 name   2 value   3 metadata ('' for none)   4 when it expires, in ms of Redis's clock ('' for never)
--       5 most entries thrown away
-- What was there under the name is replaced as a whole. Writing twice is writing once.
-- Each run throws away more than it can add, so what has expired does not pile up. Returns 1.
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', now, 'LIMIT', 0, ARGV[5])) do
  redis.call('ZREM', KEYS[1], name)
  redis.call('HDEL', KEYS[2], name)
  redis.call('HDEL', KEYS[3], name)
  redis.call('ZREM', KEYS[4], name)
end
redis.call('ZADD', KEYS[1], 0, ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
if ARGV[3] ~= '' then redis.call('HSET', KEYS[3], ARGV[1], ARGV[3]) else redis.call('HDEL', KEYS[3], ARGV[1]) end
if ARGV[4] ~= '' then redis.call('ZADD', KEYS[4], ARGV[4], ARGV[1]) else redis.call('ZREM', KEYS[4], ARGV[1]) end
return 1
