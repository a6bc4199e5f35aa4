//! Tells a channel of a guild something, once (`POST /channels/{channel}/messages` with `enforce_nonce`).

use rolecall_core::cost::Calls;
use rolecall_core::error::JobError;
use rolecall_core::job::{Lane, Subject};
use rolecall_core::outcome::{Effect, Outcome};
use rolecall_core::ports::{CallError, CallFailure};
use rolecall_core::webhook::EndpointId;
use rolecall_core::{ChannelId, GuildId, JobId};
use serde::{Deserialize, Serialize};

use crate::kernel::context::Context;
use crate::kernel::endpoint_notes;
use crate::kernel::guilds::NotReady;
use crate::kernel::job::Job;

/// Discord's limits, in characters.
const NONCE: usize = 25;
const CONTENT: usize = 2_000;
/// Discord's code of a channel that there is not (any more).
const UNKNOWN_CHANNEL: u32 = 10_003;

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NotifyChannel {
    /// The guild, whose bot speaks.
    pub guild_id: GuildId,
    /// The channel.
    pub channel_id: ChannelId,
    /// What it is told: no secret, no name of a person.
    pub content: String,
    /// The endpoint of events that it is a delivery to, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_id: Option<EndpointId>,
}

impl Job for NotifyChannel {
    const KIND: &'static str = "notify_channel";
    const LANE: Lane = Lane::Bulk;
    /// About ten minutes: a message that is much later tells of a state that has changed again.
    const MAX_ATTEMPTS: u32 = 10;
    const CALLS: Calls = Calls::OTHER;

    fn concurrency_key(&self) -> Option<String> {
        Some(format!("channel:{}", self.channel_id))
    }

    fn subject(&self) -> Subject {
        Subject {
            guild_id: Some(self.guild_id),
            webhook_id: self.endpoint_id,
            ..Subject::default()
        }
    }

    async fn run(&self, context: &Context) -> Result<Outcome, JobError> {
        let Some(id) = self.endpoint_id else {
            return self.post(context).await?.or_else(beside);
        };
        let services = &context.services;
        let Some(stored) = services.webhooks.get(id).await? else {
            return Ok(Outcome::skipped("endpoint_removed"));
        };
        if !stored.endpoint.enabled {
            return Ok(Outcome::skipped("endpoint_disabled"));
        }
        match self.post(context).await? {
            Ok(outcome) => {
                if outcome.effect == Effect::Applied {
                    endpoint_notes::reached(services, &stored).await?;
                }
                Ok(outcome)
            }
            Err(error) => {
                if !matches!(error.failure, CallFailure::Wait(_)) {
                    endpoint_notes::failed(services, id, &error.message).await?;
                }
                Err(delivery(error))
            }
        }
    }
}

impl NotifyChannel {
    /// Posts the message. The outer error: it did not come to a call.
    async fn post(&self, context: &Context) -> Result<Result<Outcome, CallError>, JobError> {
        let guild = match context
            .services
            .ready_guild(self.guild_id, context.inserted_at)
            .await
        {
            Ok(guild) => guild,
            Err(NotReady::Skip(reason)) => return Ok(Ok(Outcome::skipped(reason))),
            Err(NotReady::Failed(error)) => return Err(error),
        };
        let options = context.call(None)?;
        let posted = context
            .services
            .discord
            .post_message(
                &guild.token,
                self.channel_id,
                &shortened(&self.content),
                &nonce(context.job_id),
                &options,
            )
            .await;
        Ok(posted.map(|()| Outcome::applied(0, 0)))
    }
}

/// A message to an endpoint that cannot be posted is what somebody asked for and does not get: a dead letter.
fn delivery(error: CallError) -> JobError {
    let remedy = match (&error.failure, error.code) {
        (CallFailure::Wait(_) | CallFailure::Transient, _) => return error.into(),
        (_, Some(UNKNOWN_CHANNEL)) => {
            "The channel is gone. Give the endpoint another one with `rolecall webhooks update --guild … --channel …`, or \
             remove it with `rolecall webhooks remove`."
        }
        (CallFailure::Forbidden, _) => {
            "Give the bot View Channel and Send Messages in the channel, then run this job again."
        }
        _ => return error.into(),
    };
    JobError::from(error).with_remedy(remedy)
}

/// A message beside other work that cannot be posted is no failed work: its occasion is in the store, and here it is said
/// why.
fn beside(error: CallError) -> Result<Outcome, JobError> {
    match error.failure {
        CallFailure::Wait(_) | CallFailure::Transient => Err(error.into()),
        _ => Ok(Outcome::skipped("channel_not_told").with_note(format!(
            "{error}. Give the bot View Channel and Send Messages in the channel, or set another channel with \
             `rolecall guild set`."
        ))),
    }
}

/// The same for every try of a job, and for no other job: 100 of the 128 bits of its id.
fn nonce(job: JobId) -> String {
    let hex = job.0.simple().to_string();
    hex[hex.len() - NONCE..].to_owned()
}

fn shortened(content: &str) -> String {
    if content.chars().count() <= CONTENT {
        return content.to_owned();
    }
    content.chars().take(CONTENT - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use rolecall_core::error::ErrorClass;

    use super::*;

    #[test]
    fn a_message_keeps_discords_limits() {
        let job = JobId("019a2c8e-5b1d-7c3a-9f00-0123456789ab".parse().unwrap());
        assert_eq!(nonce(job).len(), NONCE);
        assert_eq!(shortened(&"ä".repeat(3_000)).chars().count(), CONTENT);
        assert_eq!(shortened("short"), "short");
    }

    #[test]
    fn a_channel_that_refuses_is_told_in_words_and_one_that_does_not_answer_is_tried_again() {
        let error = |failure| CallError {
            failure,
            route: "POST /channels/{channel}/messages",
            status: Some(403),
            code: Some(50_001),
            message: "Discord answered 403".to_owned(),
        };
        let told = beside(error(CallFailure::Forbidden)).unwrap();
        assert_eq!(told.reason.as_deref(), Some("channel_not_told"));
        assert!(told.notes[0].contains("Send Messages"));
        beside(error(CallFailure::Transient)).unwrap_err();
        let dead = delivery(error(CallFailure::Forbidden));
        assert_eq!(
            (dead.class, dead.discord_code),
            (ErrorClass::Permanent, Some(50_001))
        );
        assert!(dead.remedy.unwrap().contains("Send Messages"));
        let gone = CallError {
            status: Some(404),
            code: Some(UNKNOWN_CHANNEL),
            ..error(CallFailure::Refused)
        };
        assert!(delivery(gone).remedy.unwrap().contains("webhooks update"));
        assert_eq!(
            delivery(error(CallFailure::Transient)).class,
            ErrorClass::Transient
        );
    }
}
