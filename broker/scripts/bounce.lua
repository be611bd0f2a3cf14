#!lua flags=allow-oom
-- Put a call back at the end of its stream, for a worker that knows what this one does not.
--
-- KEYS  1 call stream
-- ARGV  1 group   2 this worker's consumer name   3 entry ID   4 delivery count   5 new entry value
-- Fenced like settle, so a second run changes nothing. Returns 1, or 0 where the entry is no longer
-- this worker's.
local p = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1, ARGV[2])[1]
if not (p and p[4] == tonumber(ARGV[4])) then return 0 end
redis.call('XADD', KEYS[1], '*', 'm', ARGV[5])
redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
redis.call('XDEL', KEYS[1], ARGV[3])
return 1
