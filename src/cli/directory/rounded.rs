//! Ids that went through a floating-point number: a spreadsheet keeps 15 digits, JavaScript and jq 17 at most. What is
//! left is an id, too, and perhaps somebody else's.

use rolecall_core::DiscordId;

/// Digits that spreadsheets keep.
const KEPT: usize = 15;
/// From so many digits on, few ids are their own rounded form: one in 16 or less of those of today.
const LONG: usize = 18;
/// So many are no chance any more, if they are three of four.
const MISTAKE: usize = 3;

/// The long ids of a file, and which of them look rounded.
#[derive(Debug, Default)]
pub(super) struct Rounded {
    long: usize,
    found: Vec<(u64, DiscordId)>,
}

/// What to think of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// These ids are wrong: line and id.
    Mistake(Vec<(u64, DiscordId)>),
    /// These may be wrong, or none.
    Odd(Vec<(u64, DiscordId)>),
}

impl Rounded {
    /// An id in a line.
    pub(super) fn see(&mut self, line: u64, account: DiscordId) {
        let text = account.to_string();
        if text.len() > KEPT + 1 {
            self.long += 1;
            if is_rounded(&text) {
                self.found.push((line, account));
            }
        }
    }

    /// By chance some ids of a file end like this, and never most of them.
    pub(super) fn judged(self) -> Judged {
        let most = self.found.len() * 4 >= self.long * 3;
        match (most, self.found.len() >= MISTAKE) {
            (true, true) => Judged::Mistake(self.found),
            (true, false) => Judged::Odd(self.found),
            (false, _) => Judged::Odd(Vec::new()),
        }
    }
}

/// Whether the digits are those that are left of a number after it was rounded.
fn is_rounded(text: &str) -> bool {
    let cut = text[KEPT..].bytes().all(|digit| digit == b'0');
    let float = || {
        text.parse::<f64>()
            .is_ok_and(|number| format!("{number}") == text)
    };
    cut || (text.len() >= LONG && float())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(ids: impl IntoIterator<Item = u64>) -> Judged {
        let mut rounded = Rounded::default();
        for (line, id) in (2..).zip(ids) {
            rounded.see(line, DiscordId::new(id).unwrap());
        }
        rounded.judged()
    }

    #[test]
    fn ids_that_lost_their_last_digits_are_seen_and_whole_ones_are_not() {
        for text in [
            "123456789012345000",
            "12345678901234500",
            "1191168914273340000",
            "123456789012345680",
            "1191168914273337300",
        ] {
            assert!(is_rounded(text), "{text}");
        }
        for text in [
            "123456789012345678",
            "12345678901234568",
            "1191168914273337344",
            "80351110224678912",
        ] {
            assert!(!is_rounded(text), "{text}");
        }
    }

    #[test]
    fn most_ids_of_a_file_are_rounded_by_mistake_and_a_few_by_chance() {
        // As Discord makes them: a time, and a counter.
        let whole = |n: u64| 1_191_168_914_273_337_344 + n * 4_194_304 * 977 + n % 7;
        let float = |n: u64| {
            format!("{}", whole(n).to_string().parse::<f64>().unwrap())
                .parse()
                .unwrap()
        };
        let spreadsheet = |n: u64| whole(n) / 10_000 * 10_000;
        assert_eq!(judged((0..1_000).map(whole)), Judged::Odd(Vec::new()));
        let mistakes = |judged| match judged {
            Judged::Mistake(all) => all.len(),
            Judged::Odd(_) => 0,
        };
        for many in [3, 1_000] {
            assert_eq!(
                mistakes(judged((0..many).map(spreadsheet))),
                usize::try_from(many).unwrap()
            );
            assert_eq!(
                mistakes(judged((0..many).map(float))),
                usize::try_from(many).unwrap()
            );
        }
        // A single one may be so.
        let one = 123_456_789_012_345_000;
        let told = vec![(2, DiscordId::new(one).unwrap())];
        assert_eq!(judged([one]), Judged::Odd(told));
        assert_eq!(judged([one, whole(1)]), Judged::Odd(Vec::new()));
        // Small ids, as tests and examples have them, are nothing of the kind.
        assert_eq!(judged([1, 20, 300, 1_000_000]), Judged::Odd(Vec::new()));
    }
}
