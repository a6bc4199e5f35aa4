//! The events that endpoints are told of: the section `webhooks` of the document, an example each.

use std::time::Duration;

use rolecall_core::event::{Event, EventType, Example, Occasion};
use rolecall_core::job::Lane;
use rolecall_core::worker::Role;
use rolecall_core::{GuildId, JobId, RunId, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

/// 2027-01-15 08:00 UTC.
const AT: Timestamp = Timestamp(1_800_000_000_000);
const GUILD: GuildId = match GuildId::new(123_456_789_012_345_678) {
    Some(guild) => guild,
    None => panic!("a guild's id is not zero"),
};
const ID: Uuid = Uuid::from_u128(0x019a_2c8e_5b1d_7c3a_9f00_0123_4567_89ab);

/// An example of each kind, with the time of the event.
pub(super) fn example(kind: EventType) -> Event {
    let fingerprint = "add_role|PUT /guilds/{guild}/members/{user}/roles/{role}|403|50013".to_owned();
    let found = Example {
        job_id: JobId(ID),
        kind: "add_role".to_owned(),
        guild_id: Some(GUILD),
        message: Some("Discord answered 403 (50013 Missing Permissions)".to_owned()),
        remedy: Some("Move the bot's role above the roles that it gives.".to_owned()),
    };
    let occasion = match kind {
        EventType::GroupOpened => Occasion::GroupOpened {
            fingerprint,
            jobs: 1,
            example: Some(found),
        },
        EventType::GroupReopened => Occasion::GroupReopened {
            fingerprint,
            jobs: 3,
            was: "resolved",
            by: "user:ada".to_owned(),
            said_at: AT - Duration::from_secs(3_600),
            example: Some(found),
        },
        EventType::QueueLate => Occasion::QueueLate {
            lane: Lane::Bulk,
            waited: Duration::from_secs(903),
            limit: Duration::from_secs(900),
        },
        EventType::WorkerLost => Occasion::WorkerLost {
            worker: "worker-1-4711-0f3a9c21".to_owned(),
            host: "worker-1".to_owned(),
            roles: vec![Role::Worker],
            running: 4,
            seen_at: AT - Duration::from_secs(30),
        },
        EventType::TickMissed => Occasion::TickMissed {
            schedule: "discord_role_sync".to_owned(),
            after: AT - Duration::from_secs(3_600),
            missed: 3,
            made_up_for: 1,
        },
        EventType::RunHeld => Occasion::RunHeld {
            run_id: Some(RunId(ID)),
            job_id: JobId(ID),
            guild_id: GUILD,
            removals: 31,
            why: "31 of 60 linked members would lose a role".to_owned(),
        },
        EventType::BanRisk => Occasion::BanRisk {
            instance: "worker-1-4711-0f3a9c21".to_owned(),
            refused: 1_000,
            limit: 1_000,
        },
        EventType::EndpointDisabled => Occasion::EndpointDisabled {
            endpoint_id: ID,
            description: "the pager".to_owned(),
            why: "it answered 410 (Gone)".to_owned(),
            disabled_at: AT,
        },
        EventType::Test => Occasion::Test {
            endpoint_id: ID,
            by: "user:ada".to_owned(),
        },
    };
    Event { occasion, at: AT }
}

/// The section: an entry for each kind.
pub(super) fn section() -> Value {
    EventType::all()
        .map(|kind| (kind.as_str().to_owned(), entry(kind)))
        .collect()
}

fn entry(kind: EventType) -> Value {
    let header = |name: &str, meaning: &str| {
        json!({
            "name": name, "in": "header", "required": true, "description": meaning, "schema": { "type": "string" },
        })
    };
    json!({ "post": {
        "operationId": format!("event.{kind}"),
        "summary": kind.meaning().trim_end_matches('.'),
        "description": "Signed as Standard Webhooks says. Whatever is not answered with a 2xx within 15 s is sent again.",
        "tags": ["Webhooks"],
        "security": [],
        "parameters": [
            header("webhook-id", "The message: the same for every attempt."),
            header("webhook-timestamp", "When this attempt is sent, in seconds since 1970."),
            header(
                "webhook-signature",
                "`v1,` and the Base64 of HMAC-SHA256 over `id.timestamp.body`; several, apart by spaces, while a secret is replaced.",
            ),
        ],
        "requestBody": {
            "required": true,
            "description": "The event.",
            "content": { "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["type", "timestamp", "data"],
                    "properties": {
                        "type": { "type": "string", "const": kind.as_str(), "description": "Its kind." },
                        "timestamp": { "type": "string", "format": "date-time", "description": "Since when." },
                        "data": { "type": "object", "description": "What is told of it." },
                    },
                },
                "examples": { "example": { "value": example(kind).body() } },
            } },
        },
        "responses": {
            "2XX": { "description": "It arrived." },
            "410": { "description": "Nobody wants it any more: the endpoint is switched off." },
            "429": { "description": "Not now: it is sent again after `Retry-After`." },
        },
    } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_example_is_of_its_kind_and_stands_on_the_page() {
        let page = include_str!("../../../docs/webhooks.md");
        for kind in EventType::all() {
            let event = example(kind);
            assert_eq!(event.occasion.kind(), kind);
            assert!(!event.occasion.sentence().is_empty());
            let body = event.body().to_string();
            assert!(page.contains(&body), "docs/webhooks.md does not hold\n{body}");
            assert!(page.contains(kind.meaning()), "{}", kind.meaning());
        }
        assert_eq!(section().as_object().unwrap().len(), EventType::all().count());
    }
}
