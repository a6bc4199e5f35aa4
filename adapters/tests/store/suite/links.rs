//! Linked accounts.

use std::time::Duration;

use rolecall_core::link::{ActiveLink, Link, SealedTokens};
use tokio::task::JoinSet;

use crate::fixture::Fixture;
use crate::given::{PAST, account, link, user};

fn tokens(name: &str, expiry: u64) -> SealedTokens {
    SealedTokens {
        access: format!("access-{name}"),
        refresh: format!("refresh-{name}"),
        expiry: PAST + Duration::from_secs(expiry),
    }
}

/// The link as it reads with these tokens.
fn with(link: Link, tokens: &SealedTokens) -> Link {
    Link {
        has_token: true,
        token_expiry: Some(tokens.expiry),
        ..link
    }
}

pub(crate) async fn a_link_reads_back_as_it_was_given<F: Fixture>(fixture: F) {
    let links = &fixture.stores().links;
    let sealed = tokens("a", 60);
    links.put(&link(1, user(1)), None).await.unwrap();
    links
        .put(&with(link(2, user(2)), &sealed), Some(sealed.clone()))
        .await
        .unwrap();
    assert_eq!(
        links.of_account(account(1)).await.unwrap(),
        Some(link(1, user(1)))
    );
    assert_eq!(
        links.of_account(account(2)).await.unwrap(),
        Some(with(link(2, user(2)), &sealed))
    );
    assert_eq!(links.of_account(account(3)).await.unwrap(), None);
    assert_eq!(links.tokens(account(1)).await.unwrap(), None);
    assert_eq!(links.tokens(account(2)).await.unwrap(), Some(sealed));
    assert_eq!(links.tokens(account(3)).await.unwrap(), None);
}

/// Two processes, many users: an account that is linked changes hands only by an end of its link.
pub(crate) async fn of_sixteen_users_who_claim_an_account_at_once_one_gets_it<F: Fixture>(fixture: F) {
    let stores = [fixture.stores().clone(), fixture.again().await];
    let mut claims = JoinSet::new();
    for n in 0..16_u64 {
        let links = stores[usize::from(n % 2 == 0)].links.clone();
        claims.spawn(async move {
            let sealed = tokens(&n.to_string(), 60);
            let given = with(link(1, user(n)), &sealed);
            (n, links.claim(&given, Some(sealed)).await.unwrap())
        });
    }
    let claimed = claims.join_all().await;
    let got: Vec<u64> = claimed.iter().filter(|(_, got)| *got).map(|(n, _)| *n).collect();
    assert_eq!(got.len(), 1, "{claimed:?}");
    let links = &fixture.stores().links;
    let held = links.of_account(account(1)).await.unwrap().unwrap();
    assert_eq!(held.user_id, user(got[0]));
    let sealed = tokens(&got[0].to_string(), 60);
    assert_eq!(links.tokens(account(1)).await.unwrap(), Some(sealed));

    // Its user may renew it, and who claims it after its end gets it.
    let (new, other) = (tokens("new", 120), user(99));
    assert!(links.claim(&held, Some(new.clone())).await.unwrap());
    assert_eq!(links.tokens(account(1)).await.unwrap(), Some(new.clone()));
    let over = Link {
        is_active: false,
        ..held
    };
    assert!(links.claim(&over, None).await.unwrap());
    let theirs = with(link(1, other), &new);
    assert!(links.claim(&theirs, Some(new)).await.unwrap());
    // An end that comes late ends nothing of somebody else.
    assert!(!links.claim(&over, None).await.unwrap());
    assert_eq!(links.of_account(account(1)).await.unwrap(), Some(theirs));
}

pub(crate) async fn tokens_stay_when_the_link_changes_without_them<F: Fixture>(fixture: F) {
    let links = &fixture.stores().links;
    let (old, new) = (tokens("old", 60), tokens("new", 120));
    let given = with(link(1, user(1)), &old);
    links.put(&given, Some(old.clone())).await.unwrap();
    let renamed = Link {
        username: "ada lovelace".to_owned(),
        ..given
    };
    links.put(&renamed, None).await.unwrap();
    assert_eq!(links.of_account(account(1)).await.unwrap(), Some(renamed.clone()));
    assert_eq!(links.tokens(account(1)).await.unwrap(), Some(old));
    let refreshed = with(renamed, &new);
    links.put(&refreshed, Some(new.clone())).await.unwrap();
    assert_eq!(links.of_account(account(1)).await.unwrap(), Some(refreshed));
    assert_eq!(links.tokens(account(1)).await.unwrap(), Some(new));
}

pub(crate) async fn a_user_has_many_accounts_and_an_account_has_one_user<F: Fixture>(fixture: F) {
    let links = &fixture.stores().links;
    for n in [2, 1] {
        links.put(&link(n, user(1)), None).await.unwrap();
    }
    let mut accounts: Vec<_> = links.of_user(&user(1)).await.unwrap();
    accounts.sort_by_key(|l| l.discord_id);
    assert_eq!(accounts, [link(1, user(1)), link(2, user(1))]);
    links.put(&link(2, user(2)), None).await.unwrap();
    assert_eq!(links.of_user(&user(1)).await.unwrap(), [link(1, user(1))]);
    assert_eq!(links.of_user(&user(2)).await.unwrap(), [link(2, user(2))]);
    assert_eq!(links.of_user(&user(3)).await.unwrap(), []);
}

pub(crate) async fn only_active_links_are_active_and_only_those_with_a_token_can_join<F: Fixture>(
    fixture: F,
) {
    let links = &fixture.stores().links;
    let sealed = tokens("a", 60);
    let joinable = with(link(3, user(3)), &sealed);
    links.put(&joinable, Some(sealed.clone())).await.unwrap();
    links.put(&link(1, user(1)), None).await.unwrap();
    let inactive = Link {
        is_active: false,
        ..link(2, user(2))
    };
    links.put(&inactive, None).await.unwrap();
    let refused = Link {
        needs_consent: true,
        ..with(link(4, user(4)), &sealed)
    };
    links.put(&refused, Some(sealed)).await.unwrap();

    let active = |n, can_join| ActiveLink {
        discord_id: account(n),
        user_id: user(n),
        can_join,
    };
    assert_eq!(
        links.active().await.unwrap(),
        [active(1, false), active(3, true), active(4, false)]
    );
    assert_eq!(links.count_active().await.unwrap(), 3);
    assert_eq!(links.of_account(account(2)).await.unwrap(), Some(inactive));
}

pub(crate) async fn a_link_that_needs_consent_stays_active_and_is_not_refreshed<F: Fixture>(fixture: F) {
    let links = &fixture.stores().links;
    let sealed = tokens("a", 60);
    links
        .put(&with(link(1, user(1)), &sealed), Some(sealed))
        .await
        .unwrap();
    links.mark_needs_consent(account(1)).await.unwrap();
    links.mark_needs_consent(account(2)).await.unwrap();
    let found = links.of_account(account(1)).await.unwrap().unwrap();
    assert!(found.needs_consent && found.is_active);
    assert_eq!(
        links.expiring(PAST + Duration::from_secs(999), 10).await.unwrap(),
        []
    );
    assert!(!links.active().await.unwrap()[0].can_join);
    assert_eq!(links.of_account(account(2)).await.unwrap(), None);
}

pub(crate) async fn expiring_links_come_with_the_first_to_end_first<F: Fixture>(fixture: F) {
    let links = &fixture.stores().links;
    for (n, expiry) in [(1, 300), (2, 100), (3, 200), (4, 900)] {
        let sealed = tokens("a", expiry);
        links
            .put(&with(link(n, user(n)), &sealed), Some(sealed))
            .await
            .unwrap();
    }
    let no_refresh = SealedTokens {
        refresh: String::new(),
        ..tokens("b", 50)
    };
    links
        .put(&with(link(5, user(5)), &no_refresh), Some(no_refresh))
        .await
        .unwrap();
    let sealed = tokens("c", 50);
    let inactive = Link {
        is_active: false,
        ..with(link(6, user(6)), &sealed)
    };
    links.put(&inactive, Some(sealed)).await.unwrap();
    links.put(&link(7, user(7)), None).await.unwrap();

    let before = PAST + Duration::from_secs(900);
    let accounts = |found: Vec<Link>| found.into_iter().map(|l| l.discord_id).collect::<Vec<_>>();
    assert_eq!(
        accounts(links.expiring(before, 10).await.unwrap()),
        [account(2), account(3), account(1)]
    );
    assert_eq!(
        accounts(links.expiring(before, 2).await.unwrap()),
        [account(2), account(3)]
    );
}
