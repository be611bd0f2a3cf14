#!lua flags=allow-oom
-- Delete an entry of a KV namespace.
--
-- KEYS  1 names   2 values   3 metadata   4 expiry times
-- ARGV  1 name
-- A name that is not there is no mistake. Returns 1 if it was there, expired or not, else 0.
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
redis.call('ZREM', KEYS[4], ARGV[1])
return redis.call('ZREM', KEYS[1], ARGV[1])
