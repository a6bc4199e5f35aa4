//! `PUT /discord/role-mappings/{mapping_id}`.

use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use rolecall_core::audit::Act;
use rolecall_core::mapping::Mapping;
use rolecall_workflows::change_mapping::{self, Unchanged};

use super::create;
use super::input::{self, Input, MappingBody};
use super::view::{self, MappingView};
use crate::web::auth::right::ManageGuilds;
use crate::web::change::{self, Change, Changing};
use crate::web::http::body::Body;
use crate::web::http::etag;
use crate::web::http::problem::ApiError;
use crate::web::http::refused::{Changed, Missing, Refused, RefusedWrite};
use crate::web::legacy::guilds;

/// Changes a mapping. What is absent, empty or null stays as it is; a new role is checked with Discord.
///
/// The sync that follows takes a role that no active mapping names any more from linked members; in a disabled guild
/// everybody keeps it.
#[utoipa::path(put, path = "/discord/role-mappings/{mapping_id}", tag = "Discord Role Mappings",
    operation_id = "updateRoleMapping",
    params(
        ("mapping_id" = String, Path, description = "24 hex digits", example = "64b000000000000000000001"),
        ("If-Match" = Option<String>, Header, description = "Only if the mapping still has this tag"),
    ),
    request_body(content = Option<MappingBody>),
    responses(
        (status = 200, description = "Changed; a sync follows", body = MappingView,
            headers(("ETag" = String), ("Location" = String, description = "The run of the sync"))),
        Refused, RefusedWrite, Missing, Changed,
    ))]
pub(crate) async fn update_mapping(
    Changing(change, _): Changing<ManageGuilds>,
    headers: HeaderMap,
    Path(id): Path<String>,
    Body(fields): Body,
) -> Result<Response, ApiError> {
    let stored = super::find(&change.web, &super::id(&id)?).await?;
    etag::check_unchanged(&headers, &view::tag(&stored))?;
    let input = input::read(fields, stored.conditions.clone(), |input, fields| {
        if input.guild_id.is_some_and(|sent| sent != stored.guild_id) {
            fields.wrong("guild_id", "a mapping cannot move to another guild");
        }
        if input
            .group_id
            .as_ref()
            .is_some_and(|sent| *sent != stored.group_id)
        {
            fields.wrong(
                "group_id",
                "a mapping's group cannot be changed; delete it and add another one",
            );
        }
    })?;
    let act = update(change.clone(), stored, input);
    change.whole(act).await
}

async fn update(change: Change, stored: Mapping, input: Input) -> Result<Response, ApiError> {
    let services = &change.web.services;
    let guild = guilds::find(&change.web, stored.guild_id).await?;
    let mut mapping = stored.clone();
    if let Some(role) = input.role_id.filter(|role| *role != stored.role_id) {
        mapping.role_name = create::role(&change.web, &guild, role, input.role_name.as_deref()).await?;
        mapping.role_id = role;
    }
    mapping.is_active = input.is_active.unwrap_or(mapping.is_active);
    mapping.priority = input.priority.unwrap_or(mapping.priority);
    mapping.conditions = input.conditions;
    if mapping == stored {
        let body = view::view(&change.web, &stored).await?;
        return Ok(change::answer(body, Some(&view::tag(&stored)), None));
    }
    mapping.updated_at = services.clock.now();
    let queue = &change.web.queue;
    let updated = change_mapping::update_mapping(services, queue, &stored, &mapping, true, change.asked());
    let act = Act::new("mapping.updated", format!("mapping:{}", mapping.id))
        .before(&stored)
        .after(&mapping);
    let followed = match change.audited(act, updated).await {
        Ok(followed) => followed,
        Err(Unchanged::Outdated) => {
            return Err(match services.mappings.get(&mapping.id).await? {
                None => super::unknown(),
                Some(_) => etag::changed(),
            });
        }
        Err(Unchanged::Store(error)) => return Err(error.into()),
    };
    let mut body = view::view(&change.web, &mapping).await?;
    body.sync_id = followed.run.map(|s| s.to_string());
    body.warnings.extend(view::kept(followed.fate, &stored));
    Ok(change::answer(body, Some(&view::tag(&mapping)), followed.run))
}
