//! How records are shown: their JSON for scripts, and moments and durations for people.

use rolecall_core::Timestamp;
use rolecall_core::guild::GuildConfig;
use rolecall_core::job::Subject;
use rolecall_core::mapping::Mapping;
use rolecall_core::progress::Progress as JobProgress;
use serde::Serialize;
use serde_json::Value;

/// A moment for people, in UTC.
pub(super) fn moment(at: Timestamp) -> String {
    at.to_chrono().format("%Y-%m-%d %H:%M:%S").to_string()
}

/// A length of time for people.
pub(super) fn length(millis: i64) -> String {
    let millis = millis.max(0);
    let seconds = millis / 1_000;
    match seconds {
        0..60 => format!("{seconds}.{} s", millis % 1_000 / 100),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// The same where thousandths tell something, such as of one call.
pub(super) fn fine_length(millis: i64) -> String {
    match millis.max(0) {
        millis @ 0..1_000 => format!("{millis} ms"),
        millis => length(millis),
    }
}

/// As JSON, with moments (fields that end in `_at`) as RFC 3339.
fn value<T: Serialize>(record: &T) -> Value {
    // Records are plain structs; only maps whose keys are no text cannot be written.
    let mut value = serde_json::to_value(record).unwrap_or_default();
    write_moments(&mut value);
    value
}

fn write_moments(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match field.as_i64() {
                    Some(millis) if name.ends_with("_at") => *field = rfc3339(Timestamp(millis)),
                    _ => write_moments(field),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(write_moments),
        _ => {}
    }
}

fn rfc3339(at: Timestamp) -> Value {
    Value::String(at.to_rfc3339())
}

/// A guild.
pub(super) fn guild(guild: &GuildConfig) -> Value {
    value(guild)
}

/// A mapping.
pub(super) fn mapping(mapping: &Mapping) -> Value {
    value(mapping)
}

/// How far a long job is, for people: `250 of 600, 2 in vain; over at about 12:10:19 UTC`.
pub(super) fn progress(progress: &JobProgress, eta: Option<Timestamp>) -> String {
    let failed = match progress.failed {
        0 => String::new(),
        n => format!(", {n} in vain"),
    };
    let end = eta.map(|at| format!("; over at about {} UTC", moment(at)));
    format!(
        "{} of {}{failed}{}",
        progress.done,
        progress.total,
        end.unwrap_or_default()
    )
}

/// What a job is about, for people: `user u-1 guild 123`.
pub(super) fn subject(subject: &Subject) -> String {
    let parts = [
        subject.user_id.as_ref().map(|id| format!("user {id}")),
        subject.discord_id.map(|id| format!("account {id}")),
        subject.guild_id.map(|id| format!("guild {id}")),
        subject.role_id.map(|id| format!("role {id}")),
        subject.webhook_id.map(|id| format!("endpoint {id}")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lengths_are_read_at_a_glance() {
        for (millis, text) in [
            (-5, "0.0 s"),
            (4_260, "4.2 s"),
            (185_000, "3 min 5 s"),
            (7_260_000, "2 h 1 min"),
        ] {
            assert_eq!(length(millis), text);
        }
    }

    #[test]
    fn moments_are_written_as_rfc_3339_at_any_depth() {
        let mut value = json!({ "errors": [{ "occurred_at": 0, "http_status": 403 }], "ended_at": 1_000 });
        write_moments(&mut value);
        let expected = json!({
            "errors": [{ "occurred_at": "1970-01-01T00:00:00.000Z", "http_status": 403 }],
            "ended_at": "1970-01-01T00:00:01.000Z",
        });
        assert_eq!(value, expected);
    }
}
