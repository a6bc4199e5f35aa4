-- What all tries of a request with an Idempotency-Key have in common: the first one's holder.
ALTER TABLE rolecall_replies ADD COLUMN work TEXT;      -- null: written by an older version, its holder
