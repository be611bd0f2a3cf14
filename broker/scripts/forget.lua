#!lua flags=allow-oom
-- Forget the versions whose time is over, and the entrypoints that a service had once and no live worker has any more.
--
-- KEYS  1 meta hash of the service   2 versions hash of the service
-- ARGV  1 number of entrypoints that the asking worker serves   2.. their names, then what is outdated in the
--       versions hash: field, value, ...
-- A worker says its versions before it offers: what is offered and has no version was left behind by workers
-- that are gone, while others of another version kept the hash alive. A version that was renewed since it was
-- read stays, and so does what the asking worker serves, whatever became of its versions meanwhile.
-- Returns the names of the entrypoints forgotten.
local own = tonumber(ARGV[1])
for at = own + 2, #ARGV, 2 do
  if redis.call('HGET', KEYS[2], ARGV[at]) == ARGV[at + 1] then redis.call('HDEL', KEYS[2], ARGV[at]) end
end
local live = {}
for at = 2, own + 1 do live[ARGV[at]] = true end
for _, field in ipairs(redis.call('HKEYS', KEYS[2])) do live[string.match(field, '^(.*):') or ''] = true end
local forgotten = {}
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  local name = string.match(field, '^backlog:(.*)$')
  if name and not live[name] then
    redis.call('HDEL', KEYS[1], field, 'entrypoint:' .. name, 'since:' .. name)
    forgotten[#forgotten + 1] = name
  end
end
return forgotten
