//! An envelope's stored form, and its way into a handler's hands.

use std::sync::Arc;

use rolecall_core::ports::{Envelope, EnvelopeHandler};
use tokio_util::task::TaskTracker;

/// What every worker of a process shares: the handler, and the jobs in hand.
#[derive(Clone)]
pub(super) struct Desk {
    handler: Arc<dyn EnvelopeHandler>,
    jobs: TaskTracker,
}

impl Desk {
    pub(super) fn new(handler: Arc<dyn EnvelopeHandler>) -> Self {
        Self {
            handler,
            jobs: TaskTracker::new(),
        }
    }

    /// Runs the job as a tokio task of its own and waits for its end.
    ///
    /// A panic then ends only this job, a slow job does not hold up its neighbours, and the job goes on when apalis
    /// drops its handlers in the middle, as it does when Redis fails.
    pub(super) async fn hand_over(&self, envelope: Envelope) {
        let (handler, id) = (Arc::clone(&self.handler), envelope.job_id);
        let job = self.jobs.spawn(async move { handler.handle(envelope).await });
        if let Err(error) = job.await {
            tracing::error!(job.id = %id, %error, "the task of job {id} ended abnormally; its lease will run out");
        }
    }

    /// Jobs that are at work.
    pub(super) fn in_hand(&self) -> usize {
        self.jobs.len()
    }

    /// Waits until no job is at work.
    pub(super) async fn idle(&self) {
        self.jobs.close();
        self.jobs.wait().await;
    }
}

/// The stored form: JSON.
pub(super) fn encode(envelope: &Envelope) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(envelope)
}

/// From the stored form. Unknown fields are ignored, so that an older worker reads a newer envelope.
pub(super) fn decode(bytes: &[u8]) -> Result<Envelope, serde_json::Error> {
    serde_json::from_slice(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rolecall_core::ids::JobId;

    use super::*;

    #[test]
    fn an_envelope_comes_back_as_it_was() {
        let envelope = Envelope {
            job_id: JobId(uuid::Uuid::now_v7()),
            kind: "add_role".into(),
        };
        assert_eq!(decode(&encode(&envelope).unwrap()).unwrap(), envelope);
    }

    #[test]
    fn garbage_is_an_error_and_not_a_panic() {
        assert!(decode(b"\xff\x00{").is_err());
        assert!(decode(b"{}").is_err());
    }

    #[test]
    fn fuzz_envelopes() {
        rolecall_fuzz::fuzz("envelope", |bytes| {
            if let Ok(read) = decode(bytes) {
                assert_eq!(decode(&encode(&read).unwrap()).unwrap(), read);
            }
        });
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_error(bytes in prop::collection::vec(any::<u8>(), 0..128)) {
            prop_assert!(decode(&bytes).is_err());
        }

        #[test]
        fn a_damaged_envelope_is_an_error_or_an_envelope_that_reads_back(
            at in any::<prop::sample::Index>(), byte in any::<u8>(), end in any::<prop::sample::Index>(),
        ) {
            let whole = Envelope { job_id: JobId(uuid::Uuid::from_u128(7)), kind: "add_role".into() };
            let mut bytes = encode(&whole).unwrap();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(read) = decode(&bytes) {
                prop_assert_eq!(decode(&encode(&read).unwrap()).unwrap(), read);
            }
            bytes.truncate(end.index(bytes.len()));
            prop_assert!(decode(&bytes).is_err(), "a part of an envelope is none");
        }
    }
}
