//! Names of the fields in logs and spans: defined once, so that a log can be searched.

/// Opens the span of one attempt.
#[macro_export]
macro_rules! job_span {
    ($job:expr, $worker:expr) => {
        tracing::info_span!(
            "job.run",
            job.id = %$job.id,
            job.kind = %$job.kind,
            job.attempt = $job.attempt,
            queue = %$job.lane,
            run.id = $job.run_id.map(tracing::field::display),
            guild.id = $job.subject.guild_id.map(tracing::field::display),
            user.id = $job.subject.user_id.as_ref().map(tracing::field::display),
            role.id = $job.subject.role_id.map(tracing::field::display),
            worker.id = %$worker,
        )
    };
}
