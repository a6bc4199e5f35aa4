//! `rolecall release`: what has to be done once before a new version starts.

use std::sync::Arc;

use crate::cli::CliError;
use crate::config::Config;
use crate::wiring::{self, Purpose};

/// Makes what the store needs, reports what is in the way, and looks whether the delivery answers.
///
/// # Errors
/// If the new version could not work: then the platform keeps the old one.
pub async fn run(config: Config) -> Result<(), CliError> {
    let app = wiring::connect(config, Purpose::Serve)
        .await
        .map_err(|e| CliError::failed(e.to_string()))?;
    let app = Arc::new(app);
    for sentence in app.store.prepare().await? {
        tracing::warn!("{sentence}");
    }
    for (name, value) in app.store.describe().await? {
        tracing::info!("{name}: {value}");
    }
    if let Some(delivery) = &app.delivery {
        // Jobs are safe in the store without it, so a Redis that is away does not stop a release.
        match delivery.ping().await {
            Ok(()) => tracing::info!("Redis answers"),
            Err(error) => {
                tracing::warn!(%error, "Redis does not answer; workers will do jobs from the store, slowly")
            }
        }
    }
    tracing::info!("The store is ready for this version");
    Ok(())
}
