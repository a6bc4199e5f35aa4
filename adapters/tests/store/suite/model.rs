//! Any calls in any order: the store and a plain model of the ledger say and hold the same.

use std::time::{Duration, Instant};

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use crate::fixture::Fixture;
use crate::model::{commands, play};

/// Set it to the seed of a failure to see that again.
const SEED: &str = "MODEL_SEED";
/// A slow server is given fewer cases than it should be, rather than more time.
const BUDGET: Duration = Duration::from_secs(12);

fn seed() -> u64 {
    match std::env::var(SEED) {
        Ok(seed) => seed.parse().expect("a number in MODEL_SEED"),
        Err(_) => uuid::Uuid::now_v7().as_u64_pair().1,
    }
}

pub(crate) async fn any_calls_in_any_order_are_answered_as_by_a_plain_model<F: Fixture>(_: F) {
    let seed = seed();
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config {
        cases: F::MODEL_CASES,
        failure_persistence: None,
        max_shrink_time: 20_000,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let (began, mut failed, mut played) = (Instant::now(), false, 0_u32);
    let counted = std::cell::RefCell::new((&mut failed, &mut played));
    let result = block_in_place(|| {
        runner.run(&commands(F::MODEL_COMMANDS), |commands| {
            let (failed, played) = &mut *counted.borrow_mut();
            // What has failed is made smaller; that has a limit of its own.
            if began.elapsed() > BUDGET && **played > 0 && !**failed {
                return Ok(());
            }
            let end = Handle::current().block_on(async {
                let fixture = F::fresh().await.expect("a store that was there a moment ago");
                play(&fixture, &commands).await
            });
            **played += 1;
            **failed |= end.is_err();
            end.map_err(TestCaseError::fail)
        })
    });
    if let Err(error) = result {
        panic!("set {SEED}={seed} to see it again. {error}");
    }
    assert!(played > 0, "not one case was played");
}
