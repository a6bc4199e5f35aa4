-- Where things are in Redis, and for how long. Each key begins with the installation's name, and each one ends by
-- itself. What is lost (FLUSHALL, another Redis) is learned again from the next answers.
local bot = rules.prefix .. ':' .. ask.principal
-- Which group has which bucket: 'group' is Discord's name for it, 'first' the slot that had this name first, and
-- 'same' the slot that another one turned out to be.
local names = bot .. ':names'
local calls, global_key = bot .. ':calls', bot .. ':global'
-- For people: until when a bot's global limit is used up, and the buckets in which somebody was given a time.
local stops, waits = rules.prefix .. ':stops', rules.prefix .. ':waits'
local invalid, edge, workers = rules.prefix .. ':invalid', rules.prefix .. ':edge', rules.prefix .. ':workers'

local function name_of(what, of) return redis.call('HGET', names, what .. ' ' .. of) end

local function resolve(slot)
    for _ = 1, 8 do
        local other = name_of('same', slot)
        if not other then break end
        slot = other
    end
    return slot
end

local function slot_of(group, guild)
    local own = group .. '/' .. guild
    local other = name_of('same', own)
    if other then return resolve(other) end
    local hash = name_of('group', group)
    local first = hash and name_of('first', hash .. '/' .. guild)
    if not first or first == own then return own end
    if redis.call('EXISTS', bot .. ':' .. own .. ':bucket') == 0 then return resolve(first) end
    return own
end

local function place_keys(slot)
    local base = bot .. ':' .. slot
    -- order: who is before whom. plan: the time of each. late: did not come, remembered until; rank: its order.
    return { order = base .. ':order', plan = base .. ':plan', late = base .. ':late', rank = base .. ':rank' }
end

local function forget(places)
    redis.call('DEL', places.order, places.plan, places.late, places.rank)
end

local function load(slot)
    local packed = redis.call('GET', bot .. ':' .. slot .. ':bucket')
    local b = packed and cmsgpack.unpack(packed) or new_bucket()
    if b.seen and now + rules.speed < b.seen then
        -- Redis' clock went back by more than a second: times of before mean nothing any more.
        forget(place_keys(slot))
        b = new_bucket()
    end
    b.passes = b.passes or { 0, 0, 0 }
    for ticket, call in pairs(b.flight) do
        -- Its process died, or the answer's report was lost.
        if call.till <= now then lost(b, ticket) end
    end
    roll(b)
    return b
end

local function ttl_of(until_)
    return string.format('%d', rules.ttl + math.max(0, math.ceil((until_ - now) / rules.speed)))
end

-- A set of times stays as long as the last of them forbids something.
local function keep(times)
    local last = redis.call('ZREVRANGE', times, 0, 0, 'WITHSCORES')[2]
    redis.call('EXPIRE', times, ttl_of(tonumber(last or 0)))
end

local function save(slot, b)
    b.seen = now
    local ttl = ttl_of(math.max(b.blocked_until, b.reset_at or 0))
    redis.call('SET', bot .. ':' .. slot .. ':bucket', cmsgpack.pack(b), 'EX', ttl)
    for _, key in pairs(place_keys(slot)) do redis.call('EXPIRE', key, ttl) end
    redis.call('EXPIRE', names, rules.ttl)
end

local function load_global()
    local packed = redis.call('GET', global_key)
    local g = packed and cmsgpack.unpack(packed) or { blocked_until = 0, planned = 0 }
    redis.call('ZREMRANGEBYSCORE', calls, '-inf', num(now))
    redis.call('ZREMRANGEBYSCORE', calls, '(' .. num(now + rules.flight + rules.speed), '+inf')
    return g
end

local function save_global(g)
    redis.call('SET', global_key, cmsgpack.pack(g), 'EX', ttl_of(g.blocked_until))
    redis.call('EXPIRE', calls, rules.ttl)
end

-- When calls that are not interactive may go, as far as the invalid ones count.
local function open_until()
    redis.call('ZREMRANGEBYSCORE', invalid, '-inf', num(now - rules.invalid_window))
    local over = redis.call('ZCARD', invalid) - rules.invalid_most
    if over < 0 then return now end
    return tonumber(redis.call('ZRANGE', invalid, over, over, 'WITHSCORES')[2]) + rules.invalid_window
end
