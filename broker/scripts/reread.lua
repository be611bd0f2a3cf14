#!lua flags=allow-oom
-- Hand over once more what a read handed over whose answer was lost.
--
-- KEYS  1 stream
-- ARGV  1 group   2 this worker's consumer name   3 most entries   4 ID of the last entry that it heard of
-- Reads hand entries over in the order of their IDs, so what is behind that one and was delivered to
-- this worker, once, it never heard of. The idle time of these is set to zero, their delivery count
-- stays. What was trimmed meanwhile is left to be swept.
-- Returns the entries, as XRANGE does.
local found = {}
for _, p in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1], '(' .. ARGV[4], '+', ARGV[3], ARGV[2])) do
  local e = p[4] == 1 and redis.call('XRANGE', KEYS[1], p[1], p[1])[1]
  if e then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, p[1], 'JUSTID')
    found[#found + 1] = e
  end
end
return found
