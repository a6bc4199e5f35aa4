//! Whether Discord's limits were kept, by the simulator's log: each `Retry-After`, and the number of calls in a second.

use std::collections::BTreeMap;

use crate::check::{Verdict, none};
use crate::evidence::{Call, Evidence};

/// Of 10,000 invalid answers in ten minutes Discord blocks an address; half of that is where to stop.
const INVALID: u64 = 5_000;
/// Discord's documented limit of calls by one bot in one second.
const IN_A_SECOND: usize = 50;
/// A call may be on its way already when another one is refused: this many real milliseconds.
const ON_THE_WAY_MS: f64 = 1_000.0;
/// The header is rounded up to whole seconds; the body says it exactly, and to wait as long is right.
const ROUNDED_MS: u64 = 1_000;
/// Discord's edge bans an address without saying for how long. It is not asked at once again.
const BAN_MS: u64 = 60_000;

/// See the module.
pub(crate) fn limits(speed: f64, evidence: &Evidence) -> Verdict {
    let discord = &evidence.discord;
    let on_the_way = (ON_THE_WAY_MS * speed.max(1.0)) as u64;
    let (mut wrong, mut waits) = (Vec::new(), 0);
    if discord.invalid >= INVALID {
        wrong.push(format!("{} invalid answers", discord.invalid));
    }
    for refusal in discord.calls.iter().filter(|c| c.status == 429) {
        let Some(wait) = told_to_wait(refusal).filter(|wait| *wait > on_the_way) else {
            continue;
        };
        waits += 1;
        let closed = refusal.answered_ms + on_the_way..refusal.answered_ms + wait;
        let early = discord
            .calls
            .iter()
            .filter(|c| closed.contains(&c.at_ms) && is_meant(refusal, c));
        wrong.extend(early.map(|c| {
            let after = c.at_ms - refusal.answered_ms;
            format!("{} {after} ms after a 429 that said to wait {wait} ms", c.route)
        }));
    }
    let most = most_in_a_second(&discord.calls);
    if most > IN_A_SECOND {
        wrong.push(format!("{most} calls in one second"));
    }
    let (limited, invalid) = (discord.rate_limited, discord.invalid);
    none(
        wrong,
        format!(
            "{limited} answers 429, {waits} of them with a wait long enough to see that it is kept; {invalid} invalid; at \
             most {most} calls in a second"
        ),
    )
}

/// Simulated milliseconds. `None`: it does not say, or says nothing that can be waited for.
fn told_to_wait(refusal: &Call) -> Option<u64> {
    let seconds = refusal
        .retry_after
        .as_deref()
        .and_then(|text| text.trim().parse::<f64>().ok());
    match seconds.filter(|s| s.is_finite() && *s > 0.0) {
        Some(seconds) => Some(((seconds * 1_000.0) as u64).saturating_sub(ROUNDED_MS)),
        None => (refusal.refused.as_deref() == Some("cloudflare")).then_some(BAN_MS),
    }
}

/// Whether a refusal speaks of this call, too.
fn is_meant(refusal: &Call, call: &Call) -> bool {
    match refusal.refused.as_deref() {
        Some("cloudflare") => true,
        Some("global") => call.bot == refusal.bot,
        _ if refusal.bucket.is_some() => {
            (&call.bot, &call.bucket, call.guild()) == (&refusal.bot, &refusal.bucket, refusal.guild())
        }
        _ => (&call.bot, &call.route, call.guild()) == (&refusal.bot, &refusal.route, refusal.guild()),
    }
}

/// Of one bot, in any simulated second.
fn most_in_a_second(calls: &[Call]) -> usize {
    let mut by_bot: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for call in calls {
        if let Some(bot) = &call.bot {
            by_bot.entry(bot).or_default().push(call.at_ms);
        }
    }
    let most = by_bot.into_values().map(|mut times| {
        times.sort_unstable();
        let of = |n: usize| times.partition_point(|t| *t < times[n] + 1_000) - n;
        (0..times.len()).map(of).max().unwrap_or(0)
    });
    most.max().unwrap_or(0)
}
