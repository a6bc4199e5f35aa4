//! In which order due jobs of one lane go out, so that one big guild does not starve the small ones.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::ids::GuildId;

/// Whose turn it is in a lane: of the guilds that have something, the one that was served longest ago. Items without a
/// guild count as one guild.
#[derive(Debug, Default)]
pub struct Turns {
    served: BTreeMap<Option<GuildId>, u64>,
    turn: u64,
}

impl Turns {
    /// Takes at most `room` items, one of each guild in turn, keeping the order within a guild. Guilds that were not
    /// served yet come first, in the order of their first items.
    pub fn take<T>(&mut self, items: Vec<T>, room: usize, guild: impl Fn(&T) -> Option<GuildId>) -> Vec<T> {
        let mut queues: BTreeMap<Option<GuildId>, (usize, VecDeque<T>)> = BTreeMap::new();
        for (place, item) in items.into_iter().enumerate() {
            let queue = queues.entry(guild(&item)).or_insert((place, VecDeque::new()));
            queue.1.push_back(item);
        }
        // Who has nothing here gives up its place in the order, so that this does not grow.
        self.served.retain(|guild, _| queues.contains_key(guild));
        let rank = |served: u64, place: usize, guild: Option<GuildId>| (served, place, guild);
        let mut order: BTreeSet<(u64, usize, Option<GuildId>)> = queues
            .iter()
            .map(|(guild, (place, _))| {
                let served = self.served.get(guild).copied().unwrap_or(0);
                rank(served, *place, *guild)
            })
            .collect();
        let mut out = Vec::new();
        while out.len() < room
            && let Some((_, place, guild)) = order.pop_first()
        {
            let Some((_, queue)) = queues.get_mut(&guild) else {
                continue;
            };
            out.extend(queue.pop_front());
            self.turn += 1;
            self.served.insert(guild, self.turn);
            if !queue.is_empty() {
                order.insert(rank(self.turn, place, guild));
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn taken(turns: &mut Turns, items: Vec<(u64, char)>, room: usize) -> String {
        let guild = |item: &(u64, char)| GuildId::new(item.0);
        let taken = turns.take(items, room, guild);
        taken.into_iter().map(|item| item.1).collect()
    }

    #[test]
    fn guilds_take_turns_and_keep_their_own_order() {
        let items = vec![(1, 'a'), (1, 'b'), (1, 'c'), (2, 'd'), (0, 'e'), (2, 'f')];
        assert_eq!(taken(&mut Turns::default(), items, 9), "adebfc");
    }

    #[test]
    fn who_was_served_last_waits_even_if_there_is_room_for_one_at_a_time() {
        let mut turns = Turns::default();
        let items = || vec![(1, 'a'), (1, 'b'), (2, 'c'), (3, 'd')];
        let one = |turns: &mut Turns| taken(turns, items(), 1);
        let order: Vec<String> = (0..6).map(|_| one(&mut turns)).collect();
        assert_eq!(order, ["a", "c", "d", "a", "c", "d"]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_doubled_and_no_guild_waits_for_more_than_one_job_of_each_other(
            guilds in prop::collection::vec(1..5_u64, 0..40),
            rooms in prop::collection::vec(1..6_usize, 1..60),
        ) {
            let mut left: Vec<(u64, usize)> = guilds.iter().copied().zip(0..).collect();
            let (mut turns, mut sent) = (Turns::default(), Vec::new());
            for room in rooms {
                let batch = turns.take(left.clone(), room, |item| GuildId::new(item.0));
                prop_assert_eq!(batch.len(), room.min(left.len()));
                left.retain(|item| !batch.contains(item));
                sent.extend(batch);
            }
            for guild in 1..5 {
                let own: Vec<usize> = sent.iter().filter(|i| i.0 == guild).map(|i| i.1).collect();
                prop_assert!(own.is_sorted(), "a guild keeps its own order");
                // Between two jobs of a guild that has more, each other guild has one at most.
                let places: Vec<usize> = (0..sent.len()).filter(|p| sent[*p].0 == guild).collect();
                for pair in places.windows(2) {
                    for other in (1..5).filter(|other| *other != guild) {
                        let between = sent[pair[0]..pair[1]].iter().filter(|i| i.0 == other);
                        prop_assert!(between.count() <= 1);
                    }
                }
            }
        }
    }
}
