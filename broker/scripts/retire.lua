#!lua flags=allow-oom
-- Remove consumers of workers that are gone, if nothing is pending for them.
--
-- KEYS  1 call stream
-- ARGV  1 group   2 idle time in ms from which on a consumer counts as gone   3.. names to remove whatever their idle time
-- XGROUP DELCONSUMER throws away what is pending, hence the test in the same step.
-- Returns the names removed.
local now = {}
for i = 3, #ARGV do now[ARGV[i]] = true end
local gone = {}
for _, c in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local m = {}
  for i = 1, #c, 2 do m[c[i]] = c[i + 1] end
  if m.pending == 0 and (now[m.name] or m.idle >= tonumber(ARGV[2])) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], m.name)
    gone[#gone + 1] = m.name
  end
end
return gone
