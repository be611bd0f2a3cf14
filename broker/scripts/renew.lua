#!lua flags=allow-oom
-- Renew the leases of entries that a worker still works on.
--
-- KEYS  1 call stream
-- ARGV  1 group   2 this worker's consumer name   3.. entry ID, delivery count, ...
-- Sets the idle time of each entry to zero without raising its delivery count; an entry that was
-- handed to another worker is left alone.
-- Returns the IDs of the entries that are no longer this worker's.
local lost = {}
for i = 3, #ARGV, 2 do
  local p = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2])[1]
  if p and p[4] == tonumber(ARGV[i + 1]) then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID')
  else
    lost[#lost + 1] = ARGV[i]
  end
end
return lost
