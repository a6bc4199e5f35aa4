//! Bytes from outside, changed at random, for whatever reads them.
//!
//! A target is a test named `fuzz_…` beside the code that it tries, with a folder of real inputs in `corpus/`. Each input
//! is tried as it is, and then changed again and again until the time is over. An input that makes the code panic is
//! written into that folder, so that it is tried first from then on.
//!
//! `ROLECALL_FUZZ_SECONDS`: time for each target (a fraction of a second, unless `make fuzz` says more).
//! `ROLECALL_FUZZ_SEED`: the same inputs again as in the run that printed it, as far as the time goes.
//!
//! It is not guided by coverage as libFuzzer is: that needs a nightly compiler, which nobody should need for the gate.
#![warn(missing_docs)]
#![allow(clippy::print_stderr, reason = "a test says by which seed it is repeated")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fastrand::Rng;

/// Longest input that is made.
const LONGEST: usize = 16 * 1024;
/// Time for a target, unless the environment says another.
const SHORT: Duration = Duration::from_millis(300);
/// What readers of texts and numbers stumble over.
const ODD: [&[u8]; 24] = [
    b"\"",
    b"\\",
    b"\0",
    b"\xff\xfe",
    b"\xc3\x28",
    b"\r\n",
    b",",
    b";",
    b":",
    b"=",
    b"{",
    b"}",
    b"[[[[",
    b"]",
    b"null",
    b"-1",
    b"0",
    b"1e999",
    b"NaN",
    b"18446744073709551616",
    b"9223372036854775808",
    b"\\ud800",
    b"\xe2\x80\xae",
    b"%00",
];

/// Tries a reader with the inputs of its corpus and with what is made of them. It must not panic, whatever comes.
///
/// # Panics
/// If the reader does; the message names the file with the input. If the corpus is empty.
pub fn fuzz(target: &str, try_one: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let time = variable("ROLECALL_FUZZ_SECONDS").map_or(SHORT, Duration::from_secs);
    let seed = variable("ROLECALL_FUZZ_SEED").unwrap_or_else(|| fastrand::u64(..));
    eprintln!("fuzz {target}: ROLECALL_FUZZ_SEED={seed}");
    if let Err(sentence) = run(&folder, time, seed, try_one) {
        panic!("{target}, seed {seed}: {sentence}");
    }
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// # Errors
/// Which input made the reader panic.
fn run(folder: &Path, time: Duration, seed: u64, try_one: impl Fn(&[u8])) -> Result<(), String> {
    let corpus = corpus(folder)?;
    let fails = |input: &[u8]| catch_unwind(AssertUnwindSafe(|| try_one(input))).is_err();
    for (path, input) in &corpus {
        if fails(input) {
            return Err(format!("the input {} makes it panic", path.display()));
        }
    }
    let (mut rng, begin) = (Rng::with_seed(seed), Instant::now());
    while begin.elapsed() < time {
        let input = changed(&mut rng, &corpus);
        if fails(&input) {
            let path = folder.join(format!("found-{seed:016x}"));
            let kept = std::fs::write(&path, &input);
            return Err(match kept {
                Ok(()) => format!("the input {} makes it panic", path.display()),
                Err(error) => format!("this input makes it panic, and cannot be kept ({error}): {input:?}"),
            });
        }
    }
    Ok(())
}

/// The inputs of a folder, by name.
fn corpus(folder: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>, String> {
    let unreadable = |error| format!("{} cannot be read: {error}", folder.display());
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let input = std::fs::read(&path).map_err(unreadable)?;
        all.push((path, input));
    }
    all.sort();
    if all.is_empty() {
        return Err(format!("{} holds no input", folder.display()));
    }
    Ok(all)
}

fn changed(rng: &mut Rng, corpus: &[(PathBuf, Vec<u8>)]) -> Vec<u8> {
    let pick = |rng: &mut Rng| &corpus[rng.usize(..corpus.len())].1;
    let mut input = pick(rng).clone();
    for _ in 0..rng.usize(1..=8) {
        let at = rng.usize(..=input.len());
        let end = rng.usize(at..=input.len().min(at + 64));
        match rng.u8(..8) {
            0 => input.truncate(at),
            1 => drop(input.drain(at..end)),
            2 => drop(input.splice(at..end, ODD[rng.usize(..ODD.len())].iter().copied())),
            3 => {
                let part = input[at..end].to_vec();
                for _ in 0..rng.usize(1..=32) {
                    drop(input.splice(at..at, part.iter().copied()));
                }
            }
            4 => {
                let other = pick(rng);
                let from = rng.usize(..=other.len());
                drop(input.splice(at..end, other[from..].iter().copied()));
            }
            5 => input.insert(at, rng.u8(..)),
            _ if at < input.len() => input[at] ^= 1 << rng.u8(..8),
            _ => {}
        }
        input.truncate(LONGEST);
    }
    input
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn an_input_that_makes_it_panic_is_found_kept_and_tried_first_from_then_on() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("good"), "id=17").unwrap();
        // Nobody thought of a sign that is no text.
        let fragile = |input: &[u8]| assert!(std::str::from_utf8(input).is_ok());
        let said = run(folder.path(), LONG, 7, fragile).unwrap_err();
        let kept = folder.path().join("found-0000000000000007");
        assert!(said.contains(kept.to_str().unwrap()), "{said}");
        assert!(std::str::from_utf8(&std::fs::read(&kept).unwrap()).is_err());
        assert_eq!(run(folder.path(), Duration::ZERO, 8, fragile), Err(said));
        assert_eq!(run(folder.path(), Duration::ZERO, 8, |_| {}), Ok(()));
    }

    #[test]
    fn a_seed_gives_the_same_inputs_again() {
        let corpus = vec![
            (PathBuf::from("a"), b"user_id,name\nu1,Ada\n".to_vec()),
            (PathBuf::from("b"), b"{\"a\":[1,2]}".to_vec()),
        ];
        let inputs = |seed| {
            let mut rng = Rng::with_seed(seed);
            (0..200).map(|_| changed(&mut rng, &corpus)).collect::<Vec<_>>()
        };
        assert_eq!(inputs(3), inputs(3));
        assert_ne!(inputs(3), inputs(4));
        assert!(inputs(5).iter().all(|input| input.len() <= LONGEST));
    }

    #[test]
    fn a_target_without_an_input_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(
            run(folder.path(), Duration::ZERO, 1, |_| {})
                .unwrap_err()
                .contains("no input")
        );
    }
}
