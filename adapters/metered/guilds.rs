//! Guilds as values of a label: not more than a Prometheus should have to keep.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use rolecall_core::GuildId;

/// So many guilds have a series of their own in this process, those that came first.
const MOST_GUILDS: usize = 200;
/// The value for all others.
const OTHER: &str = "other";

static KNOWN: Mutex<BTreeSet<GuildId>> = Mutex::new(BTreeSet::new());

/// The value of the label `guild`.
pub fn guild_label(guild: Option<GuildId>) -> String {
    let Some(guild) = guild else {
        return "none".to_owned();
    };
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if admits(&mut known, guild) {
        guild.to_string()
    } else {
        OTHER.to_owned()
    }
}

fn admits(known: &mut BTreeSet<GuildId>, guild: GuildId) -> bool {
    known.contains(&guild) || (known.len() < MOST_GUILDS && known.insert(guild))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guilds_beyond_the_bound_share_one_series() {
        let mut known = BTreeSet::new();
        let guild = |n: usize| GuildId::new(n as u64 + 1).unwrap();
        let admitted = (0..MOST_GUILDS + 50)
            .filter(|n| admits(&mut known, guild(*n)))
            .count();
        assert_eq!(admitted, MOST_GUILDS);
        assert!(admits(&mut known, guild(0)), "one that is known stays known");
        assert!(!admits(&mut known, guild(MOST_GUILDS)));
    }
}
