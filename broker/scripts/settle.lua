#!lua flags=allow-oom
-- Reply to and acknowledge calls that one worker finished for one caller.
--
-- KEYS  1 call stream   2 reply channel of the caller   3.. keys of kept results
-- ARGV  1 group   2 this worker's consumer name   3.. per call: entry ID, delivery count,
--       acknowledge (0 or 1), reply ('' for none), index into KEYS of the kept result (0 for
--       none), TTL of the kept result in ms
-- The fence: an entry that is no longer pending for this worker with this delivery count was
-- handed to another worker, and nothing about it is changed. A second run of this script finds
-- acknowledged entries fenced, so sending it again is harmless; a reply written twice is dropped
-- by its caller.
-- Returns the IDs of the fenced entries.
local fenced = {}
local done = {}
for i = 3, #ARGV, 6 do
  local id = ARGV[i]
  local p = redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2])[1]
  if not (p and p[4] == tonumber(ARGV[i + 1])) then
    fenced[#fenced + 1] = id
  else
    if ARGV[i + 3] ~= '' then
      redis.call('XADD', KEYS[2], 'NOMKSTREAM', '*', 'm', ARGV[i + 3])
      local kept = tonumber(ARGV[i + 4])
      if kept > 0 then redis.call('SET', KEYS[kept], ARGV[i + 3], 'PX', ARGV[i + 5]) end
    end
    if ARGV[i + 2] == '1' then done[#done + 1] = id end
  end
end
if #done > 0 then
  redis.call('XACK', KEYS[1], ARGV[1], unpack(done))
  redis.call('XDEL', KEYS[1], unpack(done))
end
return fenced
