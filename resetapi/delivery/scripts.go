package delivery

// Every script runs on one hash slot. Time is Redis' own.

// addJob adds a job where there is room: KEYS stream, later; ARGV longest,
// field, id, field, job.
const addJob = `
if redis.call('XLEN', KEYS[1]) + redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[1]) then return 0 end
redis.call('XADD', KEYS[1], '*', ARGV[2], ARGV[3], ARGV[4], ARGV[5])
return 1`

// finishJob ends an entry and removes its payload: KEYS stream; ARGV group,
// entry.
const finishJob = `
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
return redis.call('XDEL', KEYS[1], ARGV[2])`

// countJobs counts at one moment, also where Redis is full, which refuses every
// transaction: KEYS stream, later, dead.
const countJobs = `
return {redis.call('XLEN', KEYS[1]), redis.call('ZCARD', KEYS[2]), redis.call('XLEN', KEYS[3])}`

// deferJob puts an entry aside until later, unless it is not this consumer's
// any more: KEYS stream, later, jobs; ARGV group, consumer, entry, id, job,
// wait in ms.
const deferJob = `
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1, ARGV[2])
if #pending == 0 or redis.call('XDEL', KEYS[1], ARGV[3]) == 0 then return 0 end
redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
local t = redis.call('TIME')
redis.call('HSET', KEYS[3], ARGV[4], ARGV[5])
redis.call('ZADD', KEYS[2], t[1] * 1000 + math.floor(t[2] / 1000) + ARGV[6], ARGV[4])
return 1`

// wakeJobs brings jobs back whose time has come: KEYS stream, later, jobs; ARGV
// at most so many, field of the id, field of the job. Returns in how many ms the
// next one is due, 0 when some are due still, -1 when nothing waits.
const wakeJobs = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, ARGV[1])) do
  local job = redis.call('HGET', KEYS[3], id)
  if job then redis.call('XADD', KEYS[1], '*', ARGV[2], id, ARGV[3], job) end
  redis.call('ZREM', KEYS[2], id)
  redis.call('HDEL', KEYS[3], id)
end
local next = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
if #next == 0 then return -1 end
return math.max(0, next[2] - now)`

// buryJob ends an entry and leaves a dead letter, once: KEYS stream, dead; ARGV
// group, entry, longest, fields and values.
const buryJob = `
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
if redis.call('XDEL', KEYS[1], ARGV[2]) == 0 then return 0 end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '*', unpack(ARGV, 4))
return 1`

// retryLetter makes a dead letter a job again, once: KEYS dead, stream, later;
// ARGV letter, longest, field, id, field, job. Returns -1 when the queue is full
// and 0 when there is no such letter any more.
const retryLetter = `
if redis.call('XLEN', KEYS[2]) + redis.call('ZCARD', KEYS[3]) >= tonumber(ARGV[2]) then return -1 end
if redis.call('XDEL', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('XADD', KEYS[2], '*', ARGV[3], ARGV[4], ARGV[5], ARGV[6])
return 1`

// renewClaims keeps entries from being claimed by others and returns those
// that still are this consumer's: KEYS stream; ARGV group, consumer, entries.
const renewClaims = `
local mine = {}
for i = 3, #ARGV do
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2])
  if #pending == 1 then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID')
    mine[#mine + 1] = ARGV[i]
  end
end
return mine`

// retireConsumers forgets consumers that hold nothing: this one, and those that
// were not seen for a day: KEYS stream; ARGV group, consumer.
const retireConsumers = `
for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local consumer = {}
  for i = 1, #info, 2 do consumer[info[i]] = info[i + 1] end
  if consumer['pending'] == 0 and (consumer['name'] == ARGV[2] or consumer['idle'] > 86400000) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer['name'])
  end
end
return 1`
