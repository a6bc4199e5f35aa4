//! Every list of jobs has an index that begins with what it is narrowed by, or is in the order of the list.
//!
//! The server of the tests makes no plans like those of a MongoDB, so only the keys are looked at.

use rolecall_core::ports::JobFilter;

use super::document::JOBS;
use super::query::{countable, matching};
use crate::store::mongo::indexes::first_keys;
use crate::store::shapes::filters;

/// What most jobs have in common with many: a list by these walks all jobs in its order, the newest first.
const WIDE: [&str; 2] = ["lane", "inserted_at"];

/// Whether an index leaves few jobs to look at, or walks the order of the list where nothing narrows it.
fn is_served(filter: &JobFilter, keys: &[String]) -> bool {
    let wanted = matching(filter);
    let narrow: Vec<&String> = wanted
        .keys()
        .filter(|key| !WIDE.contains(&key.as_str()))
        .collect();
    if narrow.is_empty() {
        return keys.iter().any(|key| key == "inserted_at");
    }
    narrow.into_iter().any(|field| keys.contains(field))
}

#[test]
fn every_list_of_jobs_has_an_index_that_begins_with_what_narrows_it() {
    let keys = first_keys(JOBS);
    for (name, filter) in filters() {
        assert!(is_served(&filter, &keys), "no index for: {name}");
        assert!(!is_served(&filter, &[]), "{name}");
    }
}

#[test]
fn a_count_of_a_kind_or_a_lane_names_all_that_its_index_begins_with() {
    for (name, filter) in filters() {
        let wide = JobFilter {
            states: filter.states.clone(),
            kind: filter.kind.clone(),
            lane: filter.lane,
            ..JobFilter::default()
        };
        let wanted = countable(&filter);
        if filter == wide && filter != JobFilter::default() {
            assert!(
                wanted.contains_key("state") && wanted.contains_key("lane"),
                "{name}"
            );
        } else {
            assert_eq!(wanted, matching(&filter), "{name}");
        }
    }
}
