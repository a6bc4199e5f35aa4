-- What came back from a call, as in state.rs. Answers 1 if too many calls were invalid, with this one; otherwise 0.
local slot = resolve(ask.slot)
local b, g, headers = load(slot), load_global(), ask.headers
local ticket, call = ask.ticket, nil

if ask.kind == 'unsent' then
    if b.flight[ticket] then
        b.flight[ticket] = nil
        b.sent = b.sent - 1
    end
    redis.call('ZREM', calls, ticket)
    save(slot, b)
    return 0
end

redis.call('ZADD', calls, num(now + rules.global_window), ticket)
if ask.kind == 'status' then
    call = answered(b, ticket, headers, ask.teaches)
elseif ask.kind == 'limited' then
    local till = now + ask.retry_after + rules.least_margin
    if ask.scope == 'user' or ask.scope == 'shared' then
        call = limited(b, ticket, ask.retry_after, ask.scope == 'shared', headers)
    else
        call = lost(b, ticket)
        if ask.scope == 'global' then
            g.blocked_until = math.max(g.blocked_until, till)
            redis.call('ZADD', stops, num(g.blocked_until), ask.principal)
            keep(stops)
        else
            till = math.max(till, now + rules.edge_pause, tonumber(redis.call('GET', edge) or 0))
            redis.call('SET', edge, num(till), 'EX', string.format('%d', math.ceil((till - now) / rules.speed)))
        end
    end
    if call.member and string.sub(call.member, 1, 1) == 'j' then
        -- It had its turn and got nothing for it: when it comes back, it is not a newcomer.
        local places = place_keys(slot)
        if not redis.call('ZSCORE', places.order, call.member) then
            redis.call('ZADD', places.late, num(till + rules.memory), call.member)
            redis.call('HSET', places.rank, call.member, num(call.order))
        end
    end
else
    call = lost(b, ticket)
end

if headers and headers.bucket and not (ask.kind == 'limited' and ask.scope ~= 'user' and ask.scope ~= 'shared') then
    -- Two groups whose answers name the same bucket share one from now on.
    redis.call('HSET', names, 'group ' .. ask.group, headers.bucket)
    local hash = 'first ' .. headers.bucket .. '/' .. ask.guild
    redis.call('HSETNX', names, hash, slot)
    local first = resolve(redis.call('HGET', names, hash))
    if first ~= slot then
        redis.call('HSET', names, 'same ' .. slot, first)
        local other, from, to = b, place_keys(slot), place_keys(first)
        b = load(first)
        absorb(b, other)
        b.seq = math.max(b.seq, other.seq)
        for _, set in ipairs({ 'order', 'plan', 'late' }) do
            redis.call('ZUNIONSTORE', to[set], 2, to[set], from[set], 'AGGREGATE', 'MIN')
        end
        local ranks = redis.call('HGETALL', from.rank)
        for i = 1, #ranks, 2 do redis.call('HSET', to.rank, ranks[i], ranks[i + 1]) end
        forget(from)
        redis.call('DEL', bot .. ':' .. slot .. ':bucket')
        slot = first
    end
end
save(slot, b)
save_global(g)

if not ask.invalid then return 0 end
open_until()
redis.call('ZADD', invalid, num(now), ticket)
redis.call('EXPIRE', invalid, ttl_of(now + rules.invalid_window))
return redis.call('ZCARD', invalid) == rules.invalid_most and 1 or 0
