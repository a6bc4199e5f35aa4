-- Lists of runs in a state; error messages that hold a text; how many jobs of a kind or a lane are over.

DROP INDEX discord_sync_status_running;
CREATE INDEX discord_sync_status_by_state ON discord_sync_status (status, started_at, id);

CREATE INDEX rolecall_jobs_by_error ON rolecall_jobs (inserted_at, id) WHERE error_message IS NOT NULL;

-- Written once in the life of a job, when it ends: what is not over is few, and found by its state.
CREATE INDEX rolecall_jobs_over ON rolecall_jobs (state, lane, kind)
    WHERE state IN ('completed', 'cancelled', 'discarded');
