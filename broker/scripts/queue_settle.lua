#!lua flags=allow-oom
-- End deliveries of messages: acknowledge each, try it again, or bury it.
--
-- KEYS  1 message stream   2 delayed messages   3 dead-letter stream
-- ARGV  1 group   2 this worker's consumer name   3 most dead letters kept
--       4.. per message: entry ID, delivery count, what becomes of it (0 done, 1 again, 2 dead),
--       its new value ('' where it is done), delay in ms
-- Fenced like settle, so a second run changes nothing. Returns the IDs of the fenced entries.
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
local fenced = {}
for i = 4, #ARGV, 5 do
  local id, fate, value, delay = ARGV[i], ARGV[i + 2], ARGV[i + 3], tonumber(ARGV[i + 4])
  local p = redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2])[1]
  if p and p[4] == tonumber(ARGV[i + 1]) then
    if fate == '2' then
      redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[3], '*', 'm', value)
    elseif fate == '1' and delay > 0 then
      redis.call('ZADD', KEYS[2], now + delay, value)
    elseif fate == '1' then
      redis.call('XADD', KEYS[1], '*', 'm', value)
    end
    redis.call('XACK', KEYS[1], ARGV[1], id)
    redis.call('XDEL', KEYS[1], id)
  else
    fenced[#fenced + 1] = id
  end
end
return fenced
