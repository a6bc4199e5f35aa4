//! Programs with a key.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rolecall_core::Timestamp;
use rolecall_core::api_key::{ApiKey, ApiKeyId, split};
use rolecall_core::audit::AuditFilter;
use rolecall_core::error::StoreError;
use rolecall_core::ports::{ApiKeys, RunFilter, permission};

use super::access_tests::{served, served_with};
use super::callers_tests::{told, with_ada};

/// Keys in a store of which a part is broken.
struct Broken {
    keys: Arc<dyn ApiKeys>,
    reads: bool,
}

#[async_trait]
impl ApiKeys for Broken {
    async fn insert(&self, key: &ApiKey) -> Result<bool, StoreError> {
        self.keys.insert(key).await
    }
    async fn get(&self, id: &ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        if self.reads {
            return Err(StoreError::unavailable("away"));
        }
        self.keys.get(id).await
    }
    async fn list(&self) -> Result<Vec<ApiKey>, StoreError> {
        self.keys.list().await
    }
    async fn revoke(&self, id: &ApiKeyId, at: Timestamp) -> Result<bool, StoreError> {
        self.keys.revoke(id, at).await
    }
    async fn note_use(&self, _: &ApiKeyId, _: Timestamp) -> Result<bool, StoreError> {
        Err(StoreError::unavailable("away"))
    }
}

#[tokio::test]
async fn a_key_that_ended_is_told_so_and_nobody_learns_which_keys_there_are() {
    let mut served = served(&[]).await;
    let good = served.key(&[permission::JOBS_READ], 60_000).await;
    let other = served.key(&[permission::JOBS_READ], 60_000).await;
    let expired = served.key(&[permission::JOBS_READ], -1).await;
    assert_eq!(served.bearer("get", "/v1/jobs", &good).await.0, 200);
    assert_eq!(
        served.bearer("get", "/v1/jobs", &expired).await,
        told(401, "api_key_expired")
    );
    let wrong_secret = format!("{}{}", &good[..17], &other[17..]);
    let unknown = format!("rck_000000000000{}", &good[16..]);
    for bad in [wrong_secret.as_str(), &unknown, "rck_", "rck_x_y", &good[..80]] {
        assert_eq!(
            served.bearer("get", "/v1/jobs", bad).await,
            told(401, "api_key_invalid"),
            "{bad}"
        );
    }
    // A key that was valid a moment ago is refused as soon as it is revoked.
    let id = split(&good).unwrap().0;
    assert!(served.app.api_keys.revoke(&id, Timestamp(0)).await.unwrap());
    assert_eq!(
        served.bearer("get", "/v1/jobs", &good).await,
        told(401, "api_key_revoked")
    );
    // A token in the key's header is no key, and a bad key is not retried with the cookie.
    let admin = served.admin.clone();
    let cookie = format!("falcon_auth_token={admin}");
    for key in [admin.as_str(), ""] {
        let headers = [("x-api-key", key), ("cookie", cookie.as_str())];
        assert_eq!(
            served.code("get", "/v1/jobs", &headers).await,
            told(401, "api_key_invalid")
        );
    }
}

#[tokio::test]
async fn a_use_is_noted_and_a_store_that_cannot_note_it_refuses_nobody() {
    let mut served = served(&[]).await;
    let key = served.key(&[permission::JOBS_READ], 60_000).await;
    let id = split(&key).unwrap().0;
    let began = served.app.services.clock.now();
    assert_eq!(served.bearer("get", "/v1/jobs", &key).await.0, 200);
    let noted = async {
        loop {
            let stored = served.app.api_keys.get(&id).await.unwrap().unwrap();
            if let Some(at) = stored.last_used_at {
                return at;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let at = tokio::time::timeout(Duration::from_secs(60), noted)
        .await
        .unwrap();
    assert!(at >= began);

    for (reads, answer) in [(false, (200, "")), (true, (503, "store_unavailable"))] {
        let mut served = served_with(&[], |app| {
            let keys = Arc::clone(&app.api_keys);
            app.api_keys = Arc::new(Broken { keys, reads });
        })
        .await;
        let key = served.key(&[permission::JOBS_READ], 60_000).await;
        assert_eq!(
            served.bearer("get", "/v1/jobs", &key).await,
            told(answer.0, answer.1)
        );
    }
}

#[tokio::test]
async fn what_a_key_does_is_done_in_its_name() {
    let mut served = served(&[]).await;
    with_ada(&served).await;
    let key = served.key(&[permission::GUILDS, permission::SYNC], 60_000).await;
    let actor = format!("key:{}", split(&key).unwrap().0);
    assert_eq!(served.bearer("post", "/v1/runs", &key).await.0, 202);
    let runs = served
        .app
        .services
        .runs
        .list(RunFilter::default(), None, 9)
        .await
        .unwrap();
    assert_eq!(runs[0].cause.actor, actor);
    assert_eq!(served.bearer("delete", "/discord/guilds/5", &key).await.0, 200);
    let records = served
        .app
        .services
        .audit
        .list(&AuditFilter::default(), None, 9)
        .await
        .unwrap();
    assert_eq!(records[0].actor, actor);
    let secret = split(&key).unwrap().1;
    assert!(!format!("{runs:?}{records:?}").contains(secret));
}

#[tokio::test]
async fn keys_open_the_door_where_there_is_no_secret_for_tokens() {
    let mut served = served_with(&[], |app| app.jwt_secret = None).await;
    let (key, plain) = (
        served.key(&[permission::JOBS_READ], 60_000).await,
        served.plain.clone(),
    );
    assert_eq!(served.bearer("get", "/v1/jobs", &key).await.0, 200);
    assert_eq!(served.bearer("get", "/v1/runs", &key).await.0, 200);
    assert_eq!(
        served.bearer("get", "/discord/guilds", &key).await,
        told(403, "permission_denied")
    );
    assert_eq!(
        served.bearer("get", "/v1/jobs", &plain).await,
        told(503, "no_jwt_secret")
    );
    assert_eq!(
        served.code("get", "/v1/jobs", &[]).await,
        told(401, "authentication_required")
    );
}

#[tokio::test]
async fn each_key_has_a_bucket_of_its_own() {
    let limits = [("API_RATE_LIMIT_PER_MINUTE", "1"), ("API_RATE_LIMIT_BURST", "3")];
    let mut served = served(&limits).await;
    let first = served.key(&[permission::JOBS_READ], 60_000).await;
    let second = served.key(&[permission::JOBS_READ], 60_000).await;
    // The first request shows that the key is valid; it counts for the address.
    for (key, last) in [(&first, 429), (&second, 429)] {
        let mut answers = Vec::new();
        for _ in 0..5 {
            answers.push(served.bearer("get", "/v1/jobs", key).await.0);
        }
        assert_eq!(answers, [200, 200, 200, 200, last]);
    }
    // Nobody empties a key's bucket with its id alone.
    let guess = format!("{}{}", &first[..17], &second[17..]);
    assert_eq!(served.bearer("get", "/v1/jobs", &guess).await.0, 401);
}
