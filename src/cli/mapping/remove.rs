//! `rolecall mapping remove`.

use rolecall_core::audit::Act;
use rolecall_workflows::change_mapping::{Unchanged, remove_mapping};
use serde_json::json;

use super::add::told;
use super::{RemoveArgs, fate};
use crate::app::App;
use crate::cli::follow_up::{Tell, asked, tell};
use crate::cli::{CliError, Exit, seams, view};

pub(super) async fn run(app: &App, args: &RemoveArgs) -> Result<Exit, CliError> {
    let services = &app.services;
    let missing = || {
        CliError::failed(format!("there is no mapping {}", args.id))
            .hint("`rolecall mapping list` shows all.")
    };
    let mapping = services.mappings.get(&args.id).await?.ok_or_else(missing)?;
    let act = Act::new("mapping.deleted", format!("mapping:{}", mapping.id)).before(&mapping);
    let removed = remove_mapping(services, &app.queue, &mapping, true, asked());
    let followed = match seams::audited(app, act, removed).await {
        Ok(followed) => followed,
        Err(Unchanged::Outdated) => return Err(missing()),
        Err(Unchanged::Store(error)) => return Err(error.into()),
    };
    let sentence = format!(
        "Removed mapping {} ({}).{}",
        mapping.id,
        told(&mapping),
        fate(followed.fate, &mapping)
    );
    let document = json!({ "mapping": view::mapping(&mapping), "removed": true });
    let how = Tell {
        wait: args.wait,
        json: args.format.json,
    };
    tell(app, followed.run, how, &sentence, document).await
}
