#!lua flags=allow-oom
-- Move an entry to the dead letters and answer its caller, in one step.
--
-- KEYS  1 call stream   2 dead-letter stream   3 reply channel of the caller
-- ARGV  1 group   2 this worker's consumer name   3 entry ID   4 delivery count
--       5 dead letter (one msgpack value)   6 reply ('' for none)   7 most dead letters kept
-- Fenced like settle. Returns 1, or 0 where the entry is no longer this worker's.
local p = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1, ARGV[2])[1]
if not (p and p[4] == tonumber(ARGV[4])) then return 0 end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[7], '*', 'm', ARGV[5])
if ARGV[6] ~= '' then redis.call('XADD', KEYS[3], 'NOMKSTREAM', '*', 'm', ARGV[6]) end
redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
redis.call('XDEL', KEYS[1], ARGV[3])
return 1
