-- Deliveries are found by the endpoint that they go to.
ALTER TABLE rolecall_jobs ADD COLUMN webhook_id TEXT;
CREATE INDEX rolecall_jobs_by_webhook ON rolecall_jobs (webhook_id, inserted_at, id) WHERE webhook_id IS NOT NULL;
