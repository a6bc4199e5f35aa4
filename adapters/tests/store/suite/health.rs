//! The store itself.

use crate::fixture::Fixture;
use crate::given::{job, read, stored};

pub(crate) async fn a_store_answers_and_says_what_it_is<F: Fixture>(fixture: F) {
    let health = &fixture.stores().health;
    health.ping().await.unwrap();
    assert!(!health.describe().await.unwrap().is_empty());
}

pub(crate) async fn preparing_again_changes_nothing<F: Fixture>(fixture: F) {
    let stores = fixture.stores();
    let id = stored(stores.ledger.as_ref(), job()).await;
    let before = read(stores.ledger.as_ref(), id).await;
    for health in [stores.health.clone(), fixture.again().await.health] {
        assert_eq!(health.prepare().await.unwrap(), Vec::<String>::new());
    }
    assert_eq!(read(stores.ledger.as_ref(), id).await, before);
}
