#!lua flags=allow-oom
-- Take over entries whose worker stopped renewing them.
--
-- KEYS  1 call stream
-- ARGV  1 group   2 this worker's consumer name   3 lease in ms   4 cursor   5 most entries
-- Claiming raises the delivery count, and with it fences the former worker.
-- Returns {next cursor, {{entry ID, delivery count, fields}, ...}, {IDs that somebody trimmed}}.
local r = redis.call('XAUTOCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], 'COUNT', ARGV[5])
local entries = {}
for i, e in ipairs(r[2]) do
  local p = redis.call('XPENDING', KEYS[1], ARGV[1], e[1], e[1], 1)[1]
  entries[i] = {e[1], p[4], e[2]}
end
return {r[1], entries, r[3] or {}}
