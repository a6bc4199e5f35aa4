//! The new paths: runs and jobs as resources.

pub(crate) mod accepted;
pub(crate) mod asked_jobs;
pub(crate) mod audit;
pub(crate) mod budget;
pub(crate) mod bulk;
pub(crate) mod bulk_orders;
pub(crate) mod check_cause;
pub(crate) mod create_run;
pub(crate) mod dead_letters;
pub(crate) mod get_job;
pub(crate) mod get_run;
pub(crate) mod list_jobs;
pub(crate) mod list_runs;
pub(crate) mod mark_cause;
pub(crate) mod me_export;
pub(crate) mod order_job;
pub(crate) mod order_run;
mod own_run;
pub(crate) mod pauses;
pub(crate) mod queues;
pub(crate) mod run_events;
pub(crate) mod schedules;
pub(crate) mod webhook_deliveries;
pub(crate) mod webhooks;
pub(crate) mod workers;
