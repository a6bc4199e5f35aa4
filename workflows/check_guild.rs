//! Looks at one guild: whether its token is valid, the bot is in it and may do what a sync needs. Notes what it found,
//! and tells the guild's notification channel when that has changed.

use rolecall_core::GuildId;
use rolecall_core::cost::Calls;
use rolecall_core::error::{ErrorClass, JobError};
use rolecall_core::guild::{GuildConfig, GuildHealth, HealthStatus};
use rolecall_core::health::{Findings, Needs, judge};
use rolecall_core::hierarchy::permissions;
use rolecall_core::job::{Lane, Subject};
use rolecall_core::outcome::{Effect, Outcome};
use rolecall_core::ports::{CallError, CallFailure};
use rolecall_jobs::kernel::context::Context;
use rolecall_jobs::kernel::guilds::{NotReady, ReadyGuild};
use rolecall_jobs::kernel::job::Job;
use rolecall_jobs::notify_channel::NotifyChannel;
use serde::{Deserialize, Serialize};

/// See the module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CheckGuild {
    /// The guild.
    pub guild_id: GuildId,
}

impl Job for CheckGuild {
    const KIND: &'static str = "check_guild";
    const LANE: Lane = Lane::Bulk;
    /// The next tick looks again.
    const MAX_ATTEMPTS: u32 = 4;
    const CALLS: Calls = Calls {
        others: 2,
        ..Calls::NONE
    };

    fn unique_key(&self) -> Option<String> {
        Some(format!("{}:{}", Self::KIND, self.guild_id))
    }

    fn subject(&self) -> Subject {
        Subject {
            guild_id: Some(self.guild_id),
            ..Subject::default()
        }
    }

    async fn run(&self, context: &Context) -> Result<Outcome, JobError> {
        let services = &context.services;
        let Some(config) = services.guilds.get(self.guild_id).await? else {
            return Ok(Outcome::skipped("guild_not_configured"));
        };
        let look = match services.ready_guild(self.guild_id, context.inserted_at).await {
            Ok(guild) => look(context, &guild).await?,
            Err(NotReady::Skip(reason)) => return Ok(Outcome::skipped(reason)),
            // The token is missing or cannot be opened: that is a finding. A store that does not answer is none.
            Err(NotReady::Failed(error)) if error.class == ErrorClass::Permanent => {
                Look::of(Findings::unhealthy(in_words(&error)))
            }
            Err(NotReady::Failed(error)) => return Err(error),
        };
        let previous = config.health.as_ref();
        let status = if look.blind {
            // Whoever does not see does not say that it got better.
            previous.map_or(look.findings.status, |p| p.status.max(look.findings.status))
        } else {
            look.findings.status
        };
        let health = GuildHealth {
            status,
            last_error: look.findings.words(),
            checked_at: services.clock.now(),
            bot_permissions: look
                .bot_permissions
                .or_else(|| previous.and_then(|p| p.bot_permissions)),
            owner_id: look.owner_id.or_else(|| previous.and_then(|p| p.owner_id)),
        };
        let changed = previous.map_or(HealthStatus::Healthy, |p| p.status) != status;
        // Told before it is noted: a crash in between repeats this, and the message's id is the same.
        if changed && let Some(channel_id) = config.settings.notification_channel_id {
            let job = NotifyChannel {
                guild_id: self.guild_id,
                channel_id,
                content: message(&config, &health),
                endpoint_id: None,
            };
            context
                .insert(vec![context.follow_up("notification", &job)])
                .await?;
        }
        services.guilds.set_health(self.guild_id, &health).await?;
        if changed {
            tracing::info!(
                guild.id = %self.guild_id, status = health.status.as_str(),
                "discord_bot: {}", message(&config, &health)
            );
        }
        let mut outcome = Outcome::of(if changed {
            Effect::Applied
        } else {
            Effect::Unchanged
        });
        outcome.notes.extend(look.findings.wrong);
        Ok(outcome)
    }
}

/// What was seen of a guild.
struct Look {
    findings: Findings,
    /// Discord did not answer.
    blind: bool,
    bot_permissions: Option<u64>,
    owner_id: Option<rolecall_core::DiscordId>,
}

impl Look {
    fn of(findings: Findings) -> Self {
        Self {
            findings,
            blind: false,
            bot_permissions: None,
            owner_id: None,
        }
    }
}

/// Two reads of Discord; a third while the bot's own account is not known.
async fn look(context: &Context, guild: &ReadyGuild) -> Result<Look, JobError> {
    let services = &context.services;
    let mappings = services.mappings.list(Some(guild.config.guild_id)).await?;
    let active = mappings.into_iter().filter(|m| m.is_active);
    let mut roles: Vec<_> = active.map(|m| (m.role_id, m.role_name)).collect();
    roles.sort_unstable_by_key(|(role, _)| *role);
    roles.dedup_by_key(|(role, _)| *role);
    let needs = Needs {
        roles,
        joins: guild.config.settings.sync_on_join && services.oauth.is_some(),
    };
    let options = context.call(None)?;
    let info = match services.read_info(guild, &options).await {
        Ok(info) => info,
        Err(error) => return unseen(error),
    };
    let standing = match services.read_standing(guild, &options).await {
        Ok(standing) => standing,
        Err(error) => return unseen(error),
    };
    let Some(standing) = standing else {
        let sentence = "The bot is not a member of the guild. Invite it.";
        return Ok(Look::of(Findings::unhealthy(sentence)));
    };
    Ok(Look {
        findings: judge(&info, &standing, &needs),
        blind: false,
        bot_permissions: Some(permissions(&info, &standing)),
        owner_id: info.owner_id,
    })
}

/// What it means that a read failed.
fn unseen(error: CallError) -> Result<Look, JobError> {
    match error.failure {
        CallFailure::Wait(_) if error.did_nothing() => Err(error.into()),
        CallFailure::Wait(_) | CallFailure::Transient => Ok(Look {
            blind: true,
            ..Look::of(Findings {
                status: HealthStatus::Degraded,
                wrong: vec![format!("Discord does not answer: {error}.")],
            })
        }),
        _ => Ok(Look::of(Findings::unhealthy(in_words(&error.into())))),
    }
}

fn in_words(error: &JobError) -> String {
    match &error.remedy {
        Some(remedy) => format!("{error}. {remedy}"),
        None => format!("{error}."),
    }
}

/// What the notification channel is told.
fn message(config: &GuildConfig, health: &GuildHealth) -> String {
    let name = &config.guild_name;
    match (&health.last_error, health.status) {
        (_, HealthStatus::Healthy) | (None, _) => {
            format!("Role sync of {name} is {} again.", health.status.as_str())
        }
        (Some(wrong), status) => format!("Role sync of {name} is {}. {wrong}", status.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(failure: CallFailure) -> CallError {
        CallError {
            failure,
            route: "GET /guilds/{guild}",
            status: None,
            code: None,
            message: "it said no".to_owned(),
        }
    }

    #[test]
    fn a_dead_token_and_a_bot_that_is_not_there_are_unhealthy_with_what_to_do() {
        for failure in [CallFailure::Unauthorized, CallFailure::UnknownGuild] {
            let look = unseen(error(failure)).unwrap();
            assert_eq!(look.findings.status, HealthStatus::Unhealthy);
            assert!(look.findings.words().unwrap().starts_with("it said no. "));
            assert!(!look.blind);
        }
    }

    #[test]
    fn a_discord_that_does_not_answer_degrades_and_one_that_asks_to_wait_is_waited_for() {
        let look = unseen(error(CallFailure::Transient)).unwrap();
        assert_eq!((look.findings.status, look.blind), (HealthStatus::Degraded, true));
        let asked_to_wait = error(CallFailure::Wait(std::time::Duration::from_secs(1)));
        assert!(unseen(asked_to_wait.clone()).is_err());
        // A server that is down and says for how long is down all the same.
        let down = CallError {
            status: Some(503),
            ..asked_to_wait
        };
        assert!(unseen(down).unwrap().blind);
    }
}
