//! In which order due jobs of one lane go out, so that one big guild does not starve the small ones.

use std::collections::{BTreeMap, VecDeque};

use crate::ids::GuildId;

/// Takes one item of each guild in turn, keeping the order within a guild. Items without a guild count as one guild.
/// The guild whose first item came first is served first.
pub fn round_robin<T>(items: Vec<T>, guild: impl Fn(&T) -> Option<GuildId>) -> Vec<T> {
    let mut order = Vec::new();
    let mut queues: BTreeMap<Option<GuildId>, VecDeque<T>> = BTreeMap::new();
    let total = items.len();
    for item in items {
        let key = guild(&item);
        let queue = queues.entry(key).or_default();
        if queue.is_empty() && !order.contains(&key) {
            order.push(key);
        }
        queue.push_back(item);
    }
    let mut out = Vec::with_capacity(total);
    while out.len() < total {
        for key in &order {
            if let Some(item) = queues.get_mut(key).and_then(VecDeque::pop_front) {
                out.push(item);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guilds_take_turns_and_keep_their_own_order() {
        let g = GuildId::new;
        let items = vec![
            (g(1), 'a'),
            (g(1), 'b'),
            (g(1), 'c'),
            (g(2), 'd'),
            (None, 'e'),
            (g(2), 'f'),
        ];
        let got: String = round_robin(items, |i| i.0).into_iter().map(|i| i.1).collect();
        assert_eq!(got, "adebfc");
    }
}
