-- Refreshes that are under way, why a new consent is needed, and when jobs ended.

ALTER TABLE discord_users ADD COLUMN refresh_since INTEGER; -- the first refresh whose end is not known
ALTER TABLE discord_users ADD COLUMN refresh_at INTEGER;    -- the last one of these
ALTER TABLE discord_users ADD COLUMN consent_reason TEXT;

CREATE INDEX rolecall_jobs_by_end ON rolecall_jobs (state, finished_at) WHERE finished_at IS NOT NULL;
