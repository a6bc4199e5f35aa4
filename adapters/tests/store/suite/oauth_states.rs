//! States of OAuth flows.

use std::time::Duration;

use rolecall_core::account::{OAuthState, Taken};
use rolecall_core::time::Timestamp;
use tokio::task::JoinSet;

use crate::fixture::Fixture;
use crate::given::user;

/// States live from now on: a server may forget by its own clock those that ended long ago.
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp(i64::try_from(since.unwrap().as_millis()).unwrap())
}

fn state(hash: &str, begin: Timestamp) -> OAuthState {
    OAuthState {
        hash: hash.to_owned(),
        browser: format!("browser-of-{hash}"),
        user_id: Some(user(1)),
        verifier: "sealed-verifier".to_owned(),
        redirect_url: Some("https://app.example/profile".to_owned()),
        scopes: vec!["identify".to_owned(), "guilds.join".to_owned()],
        created_at: begin,
        expires_at: begin + Duration::from_secs(600),
    }
}

pub(crate) async fn a_state_is_taken_as_it_was_put<F: Fixture>(fixture: F) {
    let states = &fixture.stores().oauth_states;
    let begin = now();
    let bare = OAuthState {
        user_id: None,
        redirect_url: None,
        scopes: Vec::new(),
        ..state("b", begin)
    };
    states.put(&state("a", begin)).await.unwrap();
    states.put(&bare).await.unwrap();
    for given in [state("a", begin), bare] {
        let taken = states.take(&given.hash, begin).await.unwrap();
        assert_eq!(taken, Taken::Valid(Box::new(given)));
    }
}

pub(crate) async fn of_sixteen_who_take_a_state_at_once_one_gets_it<F: Fixture>(fixture: F) {
    let stores = [fixture.stores().clone(), fixture.again().await];
    let begin = now();
    stores[0].oauth_states.put(&state("a", begin)).await.unwrap();
    let mut takes = JoinSet::new();
    for n in 0..16 {
        let states = stores[n % 2].oauth_states.clone();
        takes.spawn(async move { states.take("a", begin).await.unwrap() });
    }
    let taken = takes.join_all().await;
    let valid = Taken::Valid(Box::new(state("a", begin)));
    assert_eq!(taken.iter().filter(|t| **t == valid).count(), 1);
    assert_eq!(taken.iter().filter(|t| **t == Taken::Reused).count(), 15);
}

pub(crate) async fn an_expired_a_reused_and_an_unknown_state_are_told_apart<F: Fixture>(fixture: F) {
    let states = &fixture.stores().oauth_states;
    let begin = now();
    for hash in ["early", "late", "twice"] {
        states.put(&state(hash, begin)).await.unwrap();
    }
    let end = begin + Duration::from_secs(600);
    let before_end = end - Duration::from_millis(1);
    assert!(matches!(
        states.take("early", before_end).await.unwrap(),
        Taken::Valid(_)
    ));
    assert_eq!(states.take("late", end).await.unwrap(), Taken::Expired);
    // Asking does not use it up.
    assert!(matches!(
        states.take("late", begin).await.unwrap(),
        Taken::Valid(_)
    ));
    assert!(matches!(
        states.take("twice", begin).await.unwrap(),
        Taken::Valid(_)
    ));
    assert_eq!(states.take("twice", begin).await.unwrap(), Taken::Reused);
    assert_eq!(states.take("twice", end).await.unwrap(), Taken::Reused);
    assert_eq!(states.take("never", begin).await.unwrap(), Taken::Unknown);
    // Nobody makes a used state valid by storing it once more.
    states.put(&state("twice", begin)).await.unwrap();
    assert_eq!(states.take("twice", begin).await.unwrap(), Taken::Reused);
}

pub(crate) async fn states_that_ended_are_pruned<F: Fixture>(fixture: F) {
    let states = &fixture.stores().oauth_states;
    let begin = now();
    for (hash, later) in [("a", 0), ("b", 1), ("c", 2)] {
        let given = state(hash, begin + Duration::from_secs(later));
        states.put(&given).await.unwrap();
    }
    let end = begin + Duration::from_secs(601);
    assert_eq!(states.prune(end).await.unwrap(), 1);
    assert_eq!(states.prune(end).await.unwrap(), 0);
    assert_eq!(states.take("a", begin).await.unwrap(), Taken::Unknown);
    assert!(matches!(states.take("b", begin).await.unwrap(), Taken::Valid(_)));
    assert!(matches!(states.take("c", begin).await.unwrap(), Taken::Valid(_)));
}
