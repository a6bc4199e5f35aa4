//! A mapping as it is sent: the names of the original and those of its documentation.

use std::collections::BTreeMap;

use rolecall_core::GroupId;
use rolecall_core::conditions::Conditions;
use rolecall_core::error::StoreError;
use rolecall_core::mapping::Mapping;
use rolecall_workflows::change_mapping::Fate;
use serde::Serialize;
use utoipa::ToSchema;

use crate::web::http::etag;
use crate::web::state::Web;

/// A mapping: members of the group get the role.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = DiscordRoleMappingResponse)]
pub(crate) struct MappingView {
    #[schema(example = "64b000000000000000000001")]
    pub(crate) id: String,
    #[schema(example = "123456789012345678")]
    pub(crate) guild_id: String,
    pub(crate) group_id: String,
    /// The group's name now; the stored one if the directory does not know the group.
    pub(crate) group_name: String,
    #[schema(example = "987654321098765432")]
    pub(crate) discord_role_id: String,
    pub(crate) discord_role_name: String,
    /// An inactive mapping neither gives nor takes.
    pub(crate) is_active: bool,
    /// The same.
    pub(crate) enabled: bool,
    /// Higher counts more where mappings disagree.
    pub(crate) priority: i32,
    /// When it applies.
    pub(crate) conditions: ConditionsView,
    /// The character that added it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created_by: Option<i64>,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
    /// The sync that follows this change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sync_id: Option<String>,
    /// What is wrong with it, such as a group that is gone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) warnings: Vec<String>,
}

/// When a mapping applies. All that are set have to hold.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ConditionsView {
    require_all: bool,
    character_count_min: Option<u32>,
    character_count_max: Option<u32>,
    required_permissions: Vec<String>,
    excluded_groups: Vec<String>,
}

impl From<&Conditions> for ConditionsView {
    fn from(c: &Conditions) -> Self {
        Self {
            require_all: c.require_all,
            character_count_min: c.character_count_min,
            character_count_max: c.character_count_max,
            required_permissions: c.required_permissions.clone(),
            excluded_groups: c.excluded_groups.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Names of all groups; `None` if the directory does not answer, which is no reason to show nothing.
pub(crate) async fn group_names(web: &Web) -> Option<BTreeMap<GroupId, String>> {
    match web.services.directory.groups().await {
        Ok(groups) => Some(groups.into_iter().map(|g| (g.id, g.name)).collect()),
        Err(error) => {
            tracing::warn!(%error, "discord_api: the names of groups could not be read");
            None
        }
    }
}

/// Pure.
pub(crate) fn of(mapping: &Mapping, groups: Option<&BTreeMap<GroupId, String>>) -> MappingView {
    let name = groups.and_then(|all| all.get(&mapping.group_id));
    let mut warnings = Vec::new();
    if groups.is_some() && name.is_none() {
        warnings.push(format!(
            "the directory knows no group {}; this mapping is undecided: it neither gives nor takes its role",
            mapping.group_id
        ));
    }
    MappingView {
        id: mapping.id.to_string(),
        guild_id: mapping.guild_id.to_string(),
        group_id: mapping.group_id.to_string(),
        group_name: name.unwrap_or(&mapping.group_name).clone(),
        discord_role_id: mapping.role_id.to_string(),
        discord_role_name: mapping.role_name.clone(),
        is_active: mapping.is_active,
        enabled: mapping.is_active,
        priority: mapping.priority,
        conditions: ConditionsView::from(&mapping.conditions),
        created_by: mapping.created_by,
        created_at: mapping.created_at.to_rfc3339(),
        updated_at: mapping.updated_at.to_rfc3339(),
        sync_id: None,
        warnings,
    }
}

/// Why somebody keeps a role that a mapping named before it was changed.
pub(crate) fn kept(fate: Fate, before: &Mapping) -> Vec<String> {
    match fate {
        Fate::AsBefore | Fate::Taken(_) => Vec::new(),
        Fate::Shared(_) | Fate::Kept(_) => fate.told(&before.role_name).into_iter().collect(),
    }
}

/// The mapping as it is sent.
pub(crate) async fn view(web: &Web, mapping: &Mapping) -> Result<MappingView, StoreError> {
    Ok(of(mapping, group_names(web).await.as_ref()))
}

/// Its tag.
pub(crate) fn tag(mapping: &Mapping) -> String {
    etag::of(&serde_json::to_vec(mapping).unwrap_or_default())
}
