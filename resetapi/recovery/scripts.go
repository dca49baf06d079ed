package recovery

// The scripts run inside Redis, so that each is one step. All keys of one call
// lie under one hash tag. A record is a hash: v its version, d the sealed value.

// loadScript returns the store's time in microseconds, the version and the value.
const loadScript = `
local t = redis.call('TIME')
local f = redis.call('HMGET', KEYS[1], 'v', 'd')
return {t[1] * 1000000 + t[2], f[1] or '', f[2] or ''}
`

// clockScript returns the store's time in microseconds. It names a key, so that a
// Cluster asks the node that all other scripts run on.
const clockScript = `
local t = redis.call('TIME')
return t[1] * 1000000 + t[2]
`

// createScript stores a new record: KEYS record; ARGV value, lifetime in ms.
const createScript = `
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'v', 1, 'd', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
`

// swapScript replaces a record of a known version: KEYS record; ARGV version,
// value, lifetime in ms. Returns 0 when another step came first.
const swapScript = `
if redis.call('HGET', KEYS[1], 'v') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'v', ARGV[1] + 1, 'd', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
`

// queueScript is swapScript and one delivery job: KEYS record, stream, delayed
// jobs; ARGV as above, longest queue, job id, job. Returns -1 when the queue is
// full.
const queueScript = `
if redis.call('HGET', KEYS[1], 'v') ~= ARGV[1] then return 0 end
if redis.call('XLEN', KEYS[2]) + redis.call('ZCARD', KEYS[3]) >= tonumber(ARGV[4]) then return -1 end
redis.call('HSET', KEYS[1], 'v', ARGV[1] + 1, 'd', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('XADD', KEYS[2], '*', 'id', ARGV[5], 'job', ARGV[6])
return 1
`

// claimScript is swapScript, the person's lock, a look at their epoch, and the
// note that a write is pending: KEYS record, epoch, lock, pending writes; ARGV
// as above, epoch, lock's lifetime in ms, recovery. Returns -1 when the epoch
// moved on, -2 when another write is under way or its outcome is open. A lock
// whose recovery is not pending any more was left by one that got lost.
const claimScript = `
if redis.call('HGET', KEYS[1], 'v') ~= ARGV[1] then return 0 end
if (redis.call('GET', KEYS[2]) or '0') ~= ARGV[4] then return -1 end
local holder = redis.call('GET', KEYS[3])
if holder and redis.call('ZSCORE', KEYS[4], holder) then return -2 end
redis.call('SET', KEYS[3], ARGV[6], 'PX', ARGV[5])
redis.call('HSET', KEYS[1], 'v', ARGV[1] + 1, 'd', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('ZADD', KEYS[4], redis.call('TIME')[1], ARGV[6])
return 1
`

// releaseScript is swapScript and the end of a claim: the lock is given back,
// and what was pending is dropped, or, when the password was or may have been
// written, committed: the epoch moves on and the notice is queued. KEYS record,
// epoch, lock, pending writes, delivery queue; ARGV as above, recovery, epoch's
// lifetime in ms, notice's id (empty: not written), notice, the epoch that must
// hold (empty: any). Returns -1 when another epoch holds.
const releaseScript = `
if redis.call('HGET', KEYS[1], 'v') ~= ARGV[1] then return 0 end
if ARGV[8] ~= '' and (redis.call('GET', KEYS[2]) or '0') ~= ARGV[8] then return -1 end
redis.call('HSET', KEYS[1], 'v', ARGV[1] + 1, 'd', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
if ARGV[6] ~= '' then
  redis.call('INCR', KEYS[2])
  redis.call('PEXPIRE', KEYS[2], ARGV[5])
  redis.call('XADD', KEYS[5], '*', 'id', ARGV[6], 'job', ARGV[7])
end
redis.call('ZREM', KEYS[4], ARGV[4])
if redis.call('GET', KEYS[3]) == ARGV[4] then redis.call('DEL', KEYS[3]) end
return 1
`

// forgetScript drops a pending write, unless its recovery claimed anew: KEYS
// pending writes; ARGV recovery, the time in seconds that it was seen with.
const forgetScript = `
local since = redis.call('ZSCORE', KEYS[1], ARGV[1])
if since and tonumber(since) == tonumber(ARGV[2]) then redis.call('ZREM', KEYS[1], ARGV[1]) end
return 1
`

// guessScript counts a guess before it is compared: KEYS recovery, code, day,
// rows; ARGV the four limits, lifetime of the first two in ms, a name for this
// guess, the row's name, lifetimes of the rows of nobody and of a person in ms,
// and which of the two counts. Day is a sorted set by time, so that the 24 hours
// slide exactly. Rows is a hash: by method and device, how many guesses in a row
// were not right.
//
// Returns {verdict, left of the code, left of the recovery, length of the row}.
// The verdict is 1: compare it; 0: the recovery or its code has no guess left,
// and the last number is the ms since the recovery's last one; -1: the person has
// none left: do not compare, and tell nobody.
const guessScript = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local recovery = tonumber(redis.call('GET', KEYS[1]) or 0)
local code = tonumber(redis.call('GET', KEYS[2]) or 0)
if recovery >= tonumber(ARGV[1]) or code >= tonumber(ARGV[2]) then
  return {0, ARGV[2] - code, ARGV[1] - recovery, ARGV[5] - math.max(redis.call('PTTL', KEYS[1]), 0)}
end
redis.call('SET', KEYS[1], recovery + 1, 'PX', ARGV[5])
redis.call('SET', KEYS[2], code + 1, 'PX', ARGV[5])
local left = {ARGV[2] - code - 1, ARGV[1] - recovery - 1}
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now - 86400000)
local day = redis.call('ZCARD', KEYS[3])
local row = tonumber(redis.call('HGET', KEYS[4], ARGV[7]) or 0)
if day >= tonumber(ARGV[3]) or row >= tonumber(ARGV[4]) then return {-1, left[1], left[2], row} end
redis.call('ZADD', KEYS[3], now, ARGV[6])
redis.call('PEXPIRE', KEYS[3], 86400000)
redis.call('HSET', KEYS[4], ARGV[7], row + 1)
redis.call('PEXPIRE', KEYS[4], ARGV[7 + ARGV[10]])
return {1, left[1], left[2], row + 1}
`

// forgive takes a right guess back out of the counters, which count wrong ones:
// KEYS as above; ARGV the name of the guess, the row's name. fresh: only an
// answer that is new begins the row anew; the guesses of the day stay.
const forgive = `
local function forgive(fresh)
  if tonumber(redis.call('GET', KEYS[1]) or 0) > 0 then redis.call('DECR', KEYS[1]) end
  if tonumber(redis.call('GET', KEYS[2]) or 0) > 0 then redis.call('DECR', KEYS[2]) end
  redis.call('ZREM', KEYS[3], ARGV[1])
  local row = tonumber(redis.call('HGET', KEYS[4], ARGV[2]) or 0)
  if fresh or row <= 1 then
    redis.call('HDEL', KEYS[4], ARGV[2])
  else
    redis.call('HSET', KEYS[4], ARGV[2], row - 1)
  end
end
`

// rightScript is for a right answer that was given before.
const rightScript = forgive + `
forgive(false)
return 1
`

// passScript is swapScript and a right answer that is new: KEYS as above, record;
// ARGV as above, and those of swapScript.
const passScript = forgive + `
if redis.call('HGET', KEYS[5], 'v') ~= ARGV[3] then return 0 end
redis.call('HSET', KEYS[5], 'v', ARGV[3] + 1, 'd', ARGV[4])
redis.call('PEXPIRE', KEYS[5], ARGV[5])
forgive(true)
return 1
`
