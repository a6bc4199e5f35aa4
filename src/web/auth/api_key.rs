//! Keys of machines, checked.

use std::sync::Arc;

use axum::http::StatusCode;
use rolecall_core::Timestamp;
use rolecall_core::api_key::{self, ApiKey, KeyHash, Standing};
use rolecall_core::ports::Granted;
use subtle::ConstantTimeEq;
use tracing::Instrument;

use super::memory::hash;
use super::token::Found;
use super::{Caller, Who};
use crate::web::http::problem::{ApiError, Detail};
use crate::web::state::Web;

/// The machine whose key this is.
///
/// A wrong secret and an unknown id are told the same words, so that nobody learns which keys there are; that a key has
/// ended is told only to who holds all of it.
pub(super) async fn caller(web: &Web, found: &Found) -> Result<Caller, ApiError> {
    let Some((id, secret)) = api_key::split(&found.text) else {
        return Err(refused(found, "api_key_invalid", "this is no API key of ours"));
    };
    let hash = hash(secret);
    let stored = web.api_keys.get(&id).await?;
    let Some(key) = stored.filter(|key| is_same(&key.hash, &hash)) else {
        return Err(refused(found, "api_key_invalid", "this is no API key of ours"));
    };
    let now = web.services.clock.now();
    match key.standing(now) {
        Standing::Valid => {}
        Standing::Expired => return Err(refused(found, "api_key_expired", "the API key has expired")),
        Standing::Revoked => return Err(refused(found, "api_key_revoked", "the API key was revoked")),
    }
    web.memory.remember(&hash, &id);
    note_use(web, &key, now);
    Ok(Caller {
        who: Who::Key {
            id,
            scopes: Granted {
                permissions: key.scopes,
                banned: false,
            },
        },
        character_id: None,
        admin: false,
    })
}

fn refused(found: &Found, code: &'static str, sentence: &str) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, code, "Invalid authentication token")
        .with_error(Detail::at(found.place, sentence))
        .with_hint(
            "An operator makes keys with `rolecall keys create`, and sees them with `rolecall keys list`.",
        )
}

/// As long for a wrong secret as for the right one, wherever they differ.
fn is_same(stored: &KeyHash, shown: &KeyHash) -> bool {
    stored.0.as_bytes().ct_eq(shown.0.as_bytes()).into()
}

/// Notes the use beside the request: neither a slow nor a failing store is the caller's affair.
fn note_use(web: &Web, key: &ApiKey, now: Timestamp) {
    if !key.use_is_news(now) {
        return;
    }
    let (keys, id) = (Arc::clone(&web.api_keys), key.id.clone());
    let note = async move {
        if let Err(error) = keys.note_use(&id, now).await {
            tracing::warn!(%error, "discord_api: the use of API key {id} could not be noted");
        }
    };
    tokio::spawn(note.in_current_span());
}
