-- One look of a caller: it may call, or it gets a time that nobody else has. What queue.rs and state.rs decide, on
-- sorted sets. A caller that waits in its process and a job that was sent away are the same here: both come back at
-- their time.
--
-- Answers {1, '0', slot, processes} or {0, seconds, reason, processes}.
local LANE = 1e15 -- order = lane * LANE + arrival
local lane, me = ask.lane, ask.member
local slot = slot_of(ask.group, ask.guild)
local b, places, g = load(slot), place_keys(slot), load_global()

local function leave(name)
    redis.call('ZREM', places.order, name)
    redis.call('ZREM', places.plan, name)
end

local function arrive()
    local known = redis.call('ZSCORE', places.order, me)
    if known then
        b.no_shows = 0
        leave(me)
    else
        known = redis.call('HGET', places.rank, me)
        redis.call('ZREM', places.late, me)
        redis.call('HDEL', places.rank, me)
    end
    local arrival
    if known then
        arrival = tonumber(known) % LANE
    else
        b.seq = b.seq + 1
        arrival = b.seq
    end
    return lane * LANE + arrival
end

-- Lets go of those that did not come. When a burst of jobs in a row stayed away (their run was cancelled), nothing is
-- held for the others either.
local function expire()
    for _, name in ipairs(redis.call('ZRANGEBYSCORE', places.late, '-inf', num(now), 'LIMIT', 0, 200)) do
        redis.call('ZREM', places.late, name)
        redis.call('HDEL', places.rank, name)
    end
    local many = math.max(limit_of(b), 10)
    for l = 0, 2 do
        for _ = 1, 200 do
            local first = redis.call('ZRANGEBYSCORE', places.order, num(l * LANE), '(' .. num((l + 1) * LANE), 'WITHSCORES', 'LIMIT', 0, 1)
            local name, void = first[1], b.no_shows >= many
            if not name then break end
            local planned = tonumber(redis.call('ZSCORE', places.plan, name) or 0)
            if now <= planned + rules.hold and not void then break end
            leave(name)
            if string.sub(name, 1, 1) == 'j' then
                redis.call('ZADD', places.late, num(planned + rules.memory), name)
                redis.call('HSET', places.rank, name, first[2])
                if not void then b.no_shows = b.no_shows + 1 end
            end
        end
    end
    if b.no_shows >= many and redis.call('ZCARD', places.order) == 0 then b.no_shows = 0 end
end

-- The end of a lane's range before `order`.
local function before(l, order) return '(' .. num(l == lane and order or (l + 1) * LANE) end

-- Places before ours whose time comes before the horizon; it is enough to know whether they are as many as `free`.
local function held(order, horizon, free)
    local count, most = 0, math.min(free, 1000) + 1
    for l = 0, lane do
        for _, name in ipairs(redis.call('ZRANGEBYSCORE', places.order, num(l * LANE), before(l, order), 'LIMIT', 0, most)) do
            local planned = tonumber(redis.call('ZSCORE', places.plan, name) or 0)
            if planned >= horizon then break end
            count = count + 1
        end
    end
    return count
end

local function last_planned(order)
    local last = 0
    for l = 0, lane do
        for _, name in ipairs(redis.call('ZREVRANGEBYSCORE', places.order, before(l, order), num(l * LANE), 'LIMIT', 0, 1)) do
            last = math.max(last, tonumber(redis.call('ZSCORE', places.plan, name) or 0))
        end
    end
    return last
end

local cap = lane == 0 and rules.cap_interactive or rules.cap_others
local refused = tonumber(redis.call('GET', edge) or 0)
local barrier = math.max(refused, lane == 0 and now or open_until(), now)
local has_room = now >= g.blocked_until and redis.call('ZCARD', calls) < cap

redis.call('ZADD', workers, num(real), ask.process)
redis.call('ZREMRANGEBYSCORE', workers, '-inf', num(real - rules.process_seen))
redis.call('EXPIRE', workers, rules.ttl)
local processes = redis.call('ZCARD', workers)

if ask.doubt then b.careful_until = math.max(b.careful_until, b.epoch + 1) end
local order = arrive()
local free = barrier <= now and has_room and free_of(b) or 0
if free > 0 then expire() end
if free > 0 and held(order, b.reset_at or now + b.window, free) < free then
    b.sent, b.last_sent = b.sent + 1, now
    b.flight[ask.ticket] = { epoch = b.epoch, till = now + rules.flight, member = me, order = order }
    redis.call('ZADD', calls, num(now + rules.flight), ask.ticket)
    save(slot, b)
    save_global(g)
    return { 1, '0', slot, processes }
end

local room = barrier
if not has_room then
    local first = redis.call('ZRANGE', calls, 0, 0, 'WITHSCORES')[2]
    room = math.max(barrier, g.blocked_until, math.min(tonumber(first or math.huge), now + rules.global_window))
end
local ahead = redis.call('ZCOUNT', places.order, '-inf', '(' .. num(order))
local wanted = time_of(b, math.max(barrier, g.blocked_until), ahead)
if room > wanted then
    g.planned = math.max(room, g.planned + rules.global_window / cap)
    wanted = g.planned
end
local time = math.max(wanted, now + rules.gap, last_planned(order) + rules.gap)
while redis.call('ZCOUNT', places.plan, num(time), num(time)) > 0 do time = time + rules.gap / 4 end
if string.sub(me, 1, 1) == 'j' or time <= now + ask.patience then
    redis.call('ZADD', places.order, num(order), me)
    redis.call('ZADD', places.plan, num(time), me)
    local bucket = ask.principal .. ' ' .. slot
    if time > tonumber(redis.call('ZSCORE', waits, bucket) or 0) then redis.call('ZADD', waits, num(time), bucket) end
    keep(waits)
end
save(slot, b)
save_global(g)
local reason = 'bucket'
if refused > now then
    reason = 'edge'
elseif g.blocked_until > now then
    reason = 'global'
elseif barrier > now then
    reason = 'invalid'
end
return { 0, num(time - now), reason, processes }
