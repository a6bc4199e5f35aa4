//! What processes share: the delivery through Redis, and Discord's limits, embedded through a file.

use std::sync::Arc;

use rolecall_adapters::delivery::Slots;
use rolecall_adapters::delivery::memory::MemoryDelivery;
use rolecall_adapters::delivery::redis::{RedisDelivery, RedisSettings};
use rolecall_adapters::limiter::{FileLimiter, LimiterSettings, MemoryLimiter, RedisLimiter};
use rolecall_core::ports::{Delivery, Limiter};
use secrecy::{ExposeSecret, SecretString};

use super::{Purpose, StartError};
use crate::config::{Config, Store};

/// Name of the file in the data folder by which the processes on one database keep Discord's limits together.
const LIMITS_FILE: &str = "discord-limits.db";
/// Envelopes that may wait in a lane: a small multiple of the slots, so that Redis stays small and a big run cannot
/// fill it.
const WINDOW_PER_SLOT: usize = 4;

/// Where processes meet, if they do.
const fn redis_url(config: &Config) -> Option<&SecretString> {
    match &config.store {
        Store::Distributed { redis, .. } => redis.as_ref(),
        Store::Embedded => None,
    }
}

/// Processes that share a Redis or a data folder keep Discord's limits together: commands and the API call Discord, too.
pub(super) fn limiter(config: &Config, instance: &str) -> Result<Arc<dyn Limiter>, StartError> {
    let settings = LimiterSettings {
        speed: config.discord.speed,
        min_spacing: config.discord.rate_limit_delay,
        ..LimiterSettings::default()
    };
    let url = match &config.store {
        Store::Embedded => {
            let path = config.data_dir.join(LIMITS_FILE);
            return Ok(Arc::new(FileLimiter::new(path, instance, settings)));
        }
        Store::Distributed { redis: None, .. } => return Ok(Arc::new(MemoryLimiter::new(settings))),
        Store::Distributed { redis: Some(url), .. } => url,
    };
    let limiter = RedisLimiter::new(url.expose_secret(), &config.installation, instance, settings)
        .map_err(|e| StartError::new(format!("{e}; check REDIS_URL")))?;
    Ok(Arc::new(limiter))
}

pub(super) async fn delivery(
    config: &Config,
    purpose: Purpose,
    instance: &str,
) -> Result<Option<Arc<dyn Delivery>>, StartError> {
    match (carried_by_redis(config), purpose) {
        (_, Purpose::Command) | (false, Purpose::Serve) => Ok(None),
        (false, Purpose::Work) => Ok(Some(Arc::new(MemoryDelivery::new(
            window(config),
            Slots::shared(config.slots),
            config.shutdown_grace,
        )))),
        (true, Purpose::Serve | Purpose::Work) => {
            let delivery = redis_delivery(config, instance).await?;
            Ok(delivery.map(|delivery| Arc::new(delivery) as _))
        }
    }
}

fn carried_by_redis(config: &Config) -> bool {
    redis_url(config).is_some()
}

fn window(config: &Config) -> usize {
    (config.slots * WINDOW_PER_SLOT).clamp(16, 1_000)
}

/// The delivery through Redis, where one carries the jobs.
///
/// # Errors
/// Settings that can never work.
pub(crate) async fn redis_delivery(
    config: &Config,
    instance: &str,
) -> Result<Option<RedisDelivery>, StartError> {
    let Some(url) = redis_url(config) else {
        return Ok(None);
    };
    let settings = RedisSettings {
        url: url.expose_secret().to_owned(),
        installation: config.installation.clone(),
        instance: instance.to_owned(),
        window: window(config),
        slots: Slots::shared(config.slots),
        grace: config.shutdown_grace,
    };
    let delivery = RedisDelivery::connect(settings)
        .await
        .map_err(|e| StartError::new(format!("{e}; check REDIS_URL")))?;
    Ok(Some(delivery))
}
