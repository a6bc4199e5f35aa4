-- Guilds that were removed while their roles are still to be taken away.

CREATE TABLE rolecall_retired_guilds (
    guild_id    TEXT NOT NULL PRIMARY KEY,
    guild_name  TEXT NOT NULL,
    bot_user_id TEXT,
    bot_token   TEXT NOT NULL,                 -- sealed
    roles       TEXT NOT NULL,                 -- JSON
    run_id      TEXT NOT NULL,
    retired_at  INTEGER NOT NULL
) STRICT;
