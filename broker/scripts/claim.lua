#!lua flags=allow-oom
-- Take over entries whose worker stopped renewing them.
--
-- KEYS  1 call stream   2 marker of a finished sweep
-- ARGV  1 group   2 this worker's consumer name   3 lease in ms   4 cursor   5 most entries
--       6 Redis's time in ms at which this was asked   7 ms that this may be late
--       8 ms that the whole fleet rests after a sweep that found nothing
-- Asked too long ago, the server stalled, and leases that look ended may be those of workers whose
-- renewals wait right behind this: nothing is claimed. Claiming raises the delivery count, and
-- with it fences the former worker.
-- Returns {next cursor, {{entry ID, delivery count, fields}, ...}, {IDs that somebody trimmed}}.
local now = redis.call('TIME')
if now[1] * 1000 + now[2] / 1000 - tonumber(ARGV[6]) > tonumber(ARGV[7]) then return {ARGV[4], {}, {}} end
if redis.call('EXISTS', KEYS[2]) == 1 then return {'0-0', {}, {}} end
local cursor, found, trimmed = ARGV[4], {}, {}
-- One XAUTOCLAIM looks at ten times COUNT entries; fifty keep the script below a millisecond or so.
for _ = 1, 50 do
  local r = redis.call('XAUTOCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], cursor, 'COUNT', ARGV[5])
  cursor = r[1]
  for _, id in ipairs(r[3] or {}) do trimmed[#trimmed + 1] = id end
  for _, e in ipairs(r[2]) do
    local p = redis.call('XPENDING', KEYS[1], ARGV[1], e[1], e[1], 1)[1]
    found[#found + 1] = {e[1], p[4], e[2]}
  end
  if #found > 0 or cursor == '0-0' then break end
end
if #found == 0 and cursor == '0-0' then redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[8]) end
return {cursor, found, trimmed}
