#!lua flags=allow-oom
-- Give back entries so that any other worker may claim them at once.
--
-- KEYS  1 call stream   2 marker of a finished sweep
-- ARGV  1 group   2 this worker's consumer name   3.. entry ID, delivery count,
--       1 if the call had begun (the delivery counts) or 0, ...
-- Returns how many were given back; entries of other workers are left alone.
local released = 0
for i = 3, #ARGV, 3 do
  local p = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2])[1]
  if p and p[4] == tonumber(ARGV[i + 1]) then
    local count = p[4] - (1 - tonumber(ARGV[i + 2]))
    -- Idle for a day: older than any lease, so the next claim of any worker finds it.
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'IDLE', 86400000, 'RETRYCOUNT', count, 'JUSTID')
    released = released + 1
  end
end
if released > 0 then redis.call('DEL', KEYS[2]) end
return released
