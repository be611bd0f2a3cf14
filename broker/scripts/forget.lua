#!lua flags=allow-oom
-- Forget the entrypoints that a service had once and no live worker has any more.
--
-- KEYS  1 meta hash of the service   2 versions hash of the service, without what is outdated
-- A worker says its versions before it offers: what is offered and has no version was left behind by workers
-- that are gone, while others of another version kept the hash alive.
-- ARGV  none
-- Returns the names of the entrypoints forgotten.
local live = {}
for _, field in ipairs(redis.call('HKEYS', KEYS[2])) do live[string.match(field, '^(.*):') or ''] = true end
local forgotten = {}
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  local name = string.match(field, '^backlog:(.*)$')
  if name and not live[name] then
    redis.call('HDEL', KEYS[1], field, 'entrypoint:' .. name)
    forgotten[#forgotten + 1] = name
  end
end
return forgotten
