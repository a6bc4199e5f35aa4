//! Whether the audit trail is whole: looks at its records one after the other, and names the first that is not as it
//! was written.
//!
//! What it finds: a record that was changed, removed, put in or moved; records missing at the end, as far as the head
//! that is kept beside them tells; records missing at the beginning that no record says were pruned; and details that
//! were erased without a record of it. What nobody can find by looking at the store alone is a trail that was rewritten
//! as a whole, with its head: compare with a head that was kept elsewhere ([`Verifier::expect`]).

use std::collections::BTreeMap;
use std::fmt;

use crate::audit::{AuditRecord, Ends, Mark, action};

/// What is wrong, at which place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// `seq` of the first record that is not right, or is not there.
    pub seq: u64,
    /// What is wrong with it.
    pub why: Why,
}

/// What is wrong with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It is not there, and later ones are.
    Missing,
    /// It stands where another one should.
    OutOfPlace,
    /// It does not hold the hash of the record before it.
    OtherPredecessor,
    /// It is not as it was written.
    Changed,
    /// What it tells (before, after, reason) is not as it was written.
    DetailsChanged,
    /// What it told was erased, and no later record says so.
    ErasedSilently,
    /// It and all before it were removed, and no record says so.
    PrunedSilently,
    /// It was the last one, and is not there.
    TailMissing,
    /// It is another one than the last one that was noted.
    OtherHead,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seq = self.seq;
        match self.why {
            Why::Missing => write!(f, "record {seq} is missing"),
            Why::OutOfPlace => write!(f, "record {seq} stands in the place of another"),
            Why::OtherPredecessor => {
                write!(
                    f,
                    "record {seq} does not follow from the record that stands before it"
                )
            }
            Why::Changed => write!(f, "record {seq} was changed after it was written"),
            Why::DetailsChanged => write!(
                f,
                "before, after or reason of record {seq} were changed after it was written"
            ),
            Why::ErasedSilently => write!(
                f,
                "what record {seq} told was erased, and no record says that it was"
            ),
            Why::PrunedSilently => write!(
                f,
                "the records up to {seq} were removed, and no record says that they were"
            ),
            Why::TailMissing => write!(
                f,
                "the records up to {seq} were written, and the last ones are missing"
            ),
            Why::OtherHead => write!(f, "record {seq} is not the one that was written in its place"),
        }
    }
}

/// What was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Records.
    pub records: u64,
    /// Of these, taken into the chain when it began.
    pub adopted: u64,
    /// Of these, with details that were erased, as a later record says.
    pub erased: u64,
    /// The place before the first.
    pub pruned: Mark,
    /// The last one.
    pub head: Mark,
}

/// See the module. Takes all records in the order of `seq`, from the one after [`Ends::pruned`].
#[derive(Debug, Clone)]
pub struct Verifier {
    ends: Ends,
    expected: Vec<Mark>,
    last: Mark,
    seen: Seen,
    pruned_is_told: bool,
    /// First erased record by subject, until a record says that the subject was erased.
    silent: BTreeMap<String, u64>,
}

impl Verifier {
    /// Begins where the records begin.
    pub fn new(ends: Ends) -> Self {
        Self {
            last: ends.pruned.clone(),
            seen: Seen {
                pruned: ends.pruned.clone(),
                ..Seen::default()
            },
            pruned_is_told: ends.pruned.seq == 0,
            expected: Vec::new(),
            silent: BTreeMap::new(),
            ends,
        }
    }

    /// This place has to be in the chain, too: one that was kept elsewhere.
    pub fn expect(&mut self, mark: Mark) {
        self.expected.push(mark);
    }

    /// Looks at the next record.
    ///
    /// # Errors
    /// The first that is wrong.
    pub fn take(&mut self, record: &AuditRecord) -> Result<(), Broken> {
        let seq = record.seq;
        let wrong = |seq, why| Err(Broken { seq, why });
        if seq <= self.last.seq {
            return wrong(seq, Why::OutOfPlace);
        }
        if seq > self.last.seq + 1 {
            return wrong(self.last.seq + 1, Why::Missing);
        }
        if record.digest() != record.hash {
            return wrong(seq, Why::Changed);
        }
        if record.prev != self.last.hash {
            return wrong(seq, Why::OtherPredecessor);
        }
        if record.is_erased() {
            let told = record.before.is_some() || record.after.is_some() || record.reason.is_some();
            if told {
                return wrong(seq, Why::DetailsChanged);
            }
            self.seen.erased += 1;
            self.silent.entry(record.subject.clone()).or_insert(seq);
        } else if record.digest_of_details() != record.details {
            return wrong(seq, Why::DetailsChanged);
        }
        self.last = record.into();
        if self
            .expected
            .iter()
            .chain([&self.ends.head])
            .any(|mark| mark.seq == seq && *mark != self.last)
        {
            return wrong(seq, Why::OtherHead);
        }
        self.note(record);
        Ok(())
    }

    fn note(&mut self, record: &AuditRecord) {
        self.seen.records += 1;
        self.seen.adopted += u64::from(record.adopted);
        if record.action == action::ERASED {
            self.silent.remove(&record.subject);
        }
        if record.action == action::PRUNED
            && let Some(after) = &record.after
        {
            let pruned = &self.ends.pruned;
            self.pruned_is_told |= after["seq"] == pruned.seq && after["hash"] == pruned.hash.as_str();
        }
    }

    /// After the last record.
    ///
    /// # Errors
    /// What only shows at the end.
    pub fn finish(mut self) -> Result<Seen, Broken> {
        let wrong = |seq, why| Err(Broken { seq, why });
        if let Some(seq) = self.silent.values().min() {
            return wrong(*seq, Why::ErasedSilently);
        }
        let marks = self.expected.iter().chain([&self.ends.head]);
        if let Some(missing) = marks
            .map(|mark| mark.seq)
            .filter(|seq| *seq > self.last.seq)
            .max()
        {
            return wrong(missing, Why::TailMissing);
        }
        if !self.pruned_is_told {
            return wrong(self.ends.pruned.seq, Why::PrunedSilently);
        }
        self.seen.head = self.last;
        Ok(self.seen)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::audit::tests::draft;
    use crate::audit::{Act, Draft};

    fn chain(drafts: impl IntoIterator<Item = Draft>) -> Vec<AuditRecord> {
        let mut last = Mark::default();
        let mut out = Vec::new();
        for draft in drafts {
            let record = AuditRecord::chained(draft, last.seq + 1, &last.hash);
            last = Mark::from(&record);
            out.push(record);
        }
        out
    }

    fn usual(n: u64) -> Vec<AuditRecord> {
        chain((1..=n).map(|n| draft(n, "guild.updated", &format!("guild:{n}"))))
    }

    fn ends(records: &[AuditRecord]) -> Ends {
        Ends {
            head: records.last().map(Mark::from).unwrap_or_default(),
            pruned: Mark::default(),
        }
    }

    fn verified(ends: Ends, records: &[AuditRecord]) -> Result<Seen, Broken> {
        let mut verifier = Verifier::new(ends);
        for record in records {
            verifier.take(record)?;
        }
        verifier.finish()
    }

    fn broken(ends: &Ends, records: &[AuditRecord]) -> (u64, Why) {
        let broken = verified(ends.clone(), records).unwrap_err();
        (broken.seq, broken.why)
    }

    #[test]
    fn a_whole_chain_is_whole_and_may_be_ahead_of_its_noted_head() {
        let records = usual(4);
        let seen = verified(ends(&records), &records).unwrap();
        assert_eq!((seen.records, seen.head), (4, Mark::from(&records[3])));
        // Whoever appends dies between the record and the note of it.
        assert!(verified(ends(&records[..3]), &records).is_ok());
        assert_eq!(verified(Ends::default(), &[]).unwrap().records, 0);
    }

    #[test]
    fn records_that_are_missing_put_in_or_moved_are_found() {
        let records = usual(5);
        let ends = ends(&records);
        let mut less = records.clone();
        less.remove(2);
        assert_eq!(broken(&ends, &less), (3, Why::Missing));
        assert_eq!(broken(&ends, &records[1..]), (1, Why::Missing));
        assert_eq!(broken(&ends, &records[..3]), (5, Why::TailMissing));
        let mut swapped = records.clone();
        swapped.swap(1, 2);
        assert_eq!(broken(&ends, &swapped), (2, Why::Missing));
        let mut twice = records.clone();
        twice.insert(2, records[1].clone());
        assert_eq!(broken(&ends, &twice), (2, Why::OutOfPlace));
        // Rewritten from there on, with right hashes: the head tells, or the next record.
        let mut forged = records.clone();
        forged[4].actor = "user:eve".to_owned();
        forged[4].seal();
        assert_eq!(broken(&ends, &forged), (5, Why::OtherHead));
        let mut forged = records.clone();
        forged[1].actor = "user:eve".to_owned();
        forged[1].seal();
        assert_eq!(broken(&ends, &forged), (3, Why::OtherPredecessor));
    }

    #[test]
    fn a_trail_that_was_rewritten_with_its_head_is_found_by_one_that_was_kept() {
        let (records, forged) = (usual(3), chain((1..=3).map(|n| draft(n, "x", "y"))));
        let mut verifier = Verifier::new(ends(&forged));
        verifier.expect(Mark::from(&records[1]));
        verifier.take(&forged[0]).unwrap();
        assert_eq!(verifier.take(&forged[1]).unwrap_err().why, Why::OtherHead);
        let mut verifier = Verifier::new(Ends::default());
        verifier.expect(Mark::from(&records[1]));
        assert_eq!(verifier.finish().unwrap_err().why, Why::TailMissing);
    }

    #[test]
    fn what_is_erased_or_pruned_has_to_be_told_by_a_later_record() {
        let mut records = chain([
            draft(1, "account.linked", "account:7"),
            draft(2, "account.linked", "account:8"),
            draft(3, action::ERASED, "account:7"),
        ]);
        let erase = |record: &mut AuditRecord| {
            (record.before, record.after, record.reason, record.salt) = (None, None, None, None);
        };
        erase(&mut records[0]);
        let all = ends(&records);
        assert_eq!(verified(all.clone(), &records).unwrap().erased, 1);
        erase(&mut records[1]);
        assert_eq!(broken(&all, &records), (2, Why::ErasedSilently));

        let mut drafts: Vec<Draft> = (1..=3).map(|n| draft(n, "a", "b")).collect();
        let first = Mark::from(&chain(drafts.clone())[1]);
        let pruned = json!({"seq": first.seq, "hash": first.hash});
        let all = Ends {
            pruned: first,
            ..Ends::default()
        };
        assert_eq!(
            broken(&all, &chain(drafts.clone())[2..]),
            (2, Why::PrunedSilently)
        );
        drafts.push(Draft {
            act: Act::new(action::PRUNED, "audit").after(&pruned),
            ..draft(4, "", "")
        });
        let seen = verified(all, &chain(drafts)[2..]).unwrap();
        assert_eq!((seen.records, seen.pruned.seq), (2, 2));
    }

    proptest! {
        /// Whatever is changed in whichever record, that record is named.
        #[test]
        fn any_change_of_a_record_is_found(which in 0_usize..6, field in 0_usize..12) {
            let mut records = usual(6);
            let ends = ends(&records);
            let record = &mut records[which];
            match field {
                0 => record.actor.push('x'),
                1 => record.at.0 += 1,
                2 => record.action.push('x'),
                3 => record.subject.push('x'),
                4 => record.before = Some(json!(1)),
                5 => record.after = None,
                6 => record.reason = None,
                7 => record.request_id = Some("r".to_owned()),
                8 => record.salt = Some("11".to_owned()),
                9 => record.via = crate::audit::Via::Cli,
                10 => record.adopted = true,
                _ => record.id = uuid::Uuid::from_u128(99),
            }
            prop_assert_eq!(broken(&ends, &records).0, which as u64 + 1);
        }
    }
}
