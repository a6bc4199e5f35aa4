//! A Redis of one's own, and a worker on it.

use std::sync::Arc;

use rolecall_core::ports::Delivery;

use crate::server::Server;
use crate::support::{Recorder, Worker, build, only_workers_are_left, settings, until_it_works_again};

/// What a test does to it is felt by nobody else.
pub(crate) struct Scene {
    pub(crate) server: Server,
    /// The name of its keys.
    pub(crate) installation: String,
    pub(crate) delivery: Arc<dyn Delivery>,
    pub(crate) handler: Arc<Recorder>,
    pub(crate) worker: Worker,
}

impl Scene {
    pub(crate) async fn on(server: Server) -> Self {
        let url = server.url();
        Self::reach(server, &url).await
    }

    /// The server under another address than its plain one.
    pub(crate) async fn reach(server: Server, url: &str) -> Self {
        let settings = settings(url);
        let delivery = build(&settings).await;
        let handler = Recorder::new();
        let worker = Worker::start(&delivery, &handler);
        Self {
            server,
            installation: settings.installation,
            delivery,
            handler,
            worker,
        }
    }

    /// New envelopes arrive, and its worker has not ended.
    pub(crate) async fn works_again(&self) {
        until_it_works_again(&self.delivery, &self.handler).await;
        assert!(!self.worker.is_over());
    }

    /// Nothing waits, nothing is in hand, nothing finished is left.
    pub(crate) async fn is_clean(&self) {
        only_workers_are_left(&mut self.server.client().await, &self.installation).await;
    }
}
