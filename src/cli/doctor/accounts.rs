//! Do linked accounts need a new consent of their users?

use rolecall_core::ports::consent;

use super::report::Report;
use crate::app::App;
use crate::cli::output;

/// Accounts whose tokens Discord does not accept any more.
pub(super) async fn look(app: &App, report: &mut Report) {
    let asked = "linked accounts";
    match app.services.refreshes.refused().await {
        Ok(reasons) if reasons.is_empty() => report.ok(asked, "none needs a new consent"),
        Ok(reasons) => report.warn(
            asked,
            told(&reasons),
            "none",
            "Their roles stay, but they cannot be joined to guilds: their users have to link them again. \
             GET /discord/users shows which (needs_consent).",
        ),
        Err(error) => report.fail(
            asked,
            error.to_string(),
            "an answer",
            "See the store's line above.",
        ),
    }
}

fn told(reasons: &[(String, u64)]) -> String {
    let all: u64 = reasons.iter().map(|(_, n)| n).sum();
    let parts: Vec<String> = reasons
        .iter()
        .map(|(reason, n)| match reason.as_str() {
            consent::REFUSED => format!("{n} because Discord refused the refresh"),
            consent::LOST => format!("{n} because the answer to a refresh was lost"),
            _ => format!("{n} for no noted reason"),
        })
        .collect();
    let needs = if all == 1 { "needs" } else { "need" };
    format!(
        "{} {needs} a new consent: {}",
        output::count(all, "account", "accounts"),
        parts.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_counted_with_the_reason() {
        let one = [(consent::LOST.to_owned(), 1)];
        assert_eq!(
            told(&one),
            "1 account needs a new consent: 1 because the answer to a refresh was lost"
        );
        let more = [(String::new(), 1), (consent::REFUSED.to_owned(), 2)];
        assert_eq!(
            told(&more),
            "3 accounts need a new consent: 1 for no noted reason, 2 because Discord refused the refresh"
        );
    }
}
