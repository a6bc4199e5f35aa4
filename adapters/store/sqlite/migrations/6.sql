-- When a mapping was last looked at by a sync, and how often.

ALTER TABLE discord_role_mappings ADD COLUMN last_sync INTEGER;
ALTER TABLE discord_role_mappings ADD COLUMN sync_count INTEGER NOT NULL DEFAULT 0;
