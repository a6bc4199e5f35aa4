//! The bell: tells idle workers of all processes that something was pushed.
//!
//! apalis-redis has no blocking pop and no wake-up; without a strategy an idle worker looks at its heartbeat only, and
//! its interval strategy can lose its own timer. Here every push publishes on the lane's channel, and a worker looks
//! when that rings, and each second besides.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use apalis::prelude::{PollSnapshot, PollStrategy};
use apalis_redis::Config;
use futures::task::AtomicWaker;
use redis::{AsyncConnectionConfig, Client, ProtocolVersion, PushInfo, PushKind, RedisResult, Value};
use rolecall_core::quiet::Quiet;
use tokio::sync::Notify;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::connection::{ANSWER, CONNECT};
use crate::delivery::stop::Stop;

/// How often a worker looks without being rung.
const LOOK: Duration = Duration::from_secs(1);
/// After a ring, a second look, because the first may find nothing: the ring can be heard in the very poll in which an
/// older, empty fetch returns; and an envelope is due in whole seconds of the pusher's clock, which may be a little
/// ahead of the worker's.
const ECHO: Duration = Duration::from_millis(150);
/// The longest pause before the connection of the bell is made again.
const PAUSE: Duration = Duration::from_secs(1);
/// How often it is tried.
const TRY: Duration = Duration::from_secs(5);

/// The channel on which a push to this queue rings.
pub(super) fn channel(queue: &Config) -> String {
    format!("{}:wake", queue.queue)
}

/// Rung by the listener, heard by the worker of one lane.
#[derive(Debug, Clone, Default)]
pub(super) struct Wake(Arc<Ear>);

#[derive(Debug, Default)]
struct Ear {
    rung: AtomicBool,
    /// There may be something in Redis.
    look: AtomicBool,
    waker: AtomicWaker,
}

impl Wake {
    fn ring(&self) {
        self.look();
        self.0.rung.store(true, Ordering::Release);
        self.0.waker.wake();
    }

    /// Registers first, so that a ring between the two is not missed.
    fn rang(&self, cx: &Context<'_>) -> bool {
        self.0.waker.register(cx.waker());
        self.0.rung.swap(false, Ordering::AcqRel)
    }

    /// There may be something in Redis: the next fetch asks it.
    pub(super) fn look(&self) {
        self.0.look.store(true, Ordering::Release);
    }

    /// Whether there may be something in Redis that was not asked for since. Asking is up to the caller now.
    pub(super) fn may_look(&self) -> bool {
        self.0.look.swap(false, Ordering::AcqRel)
    }
}

/// Looks when rung, shortly after, and at least every second.
#[derive(Debug)]
pub(super) struct Bell {
    look: Interval,
    wake: Wake,
}

impl Bell {
    pub(super) fn new(wake: Wake) -> Self {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { look, wake }
    }
}

impl PollStrategy for Bell {
    /// Leaves both the bell and the interval with a waker, always: the interval is polled until it is pending.
    fn poll_drive(&mut self, cx: &mut Context<'_>, _: &PollSnapshot) -> Poll<Option<()>> {
        let mut due = self.wake.rang(cx);
        if due {
            self.look.reset_after(ECHO);
        }
        while self.look.poll_tick(cx).is_ready() {
            due = true;
        }
        if due {
            self.wake.look();
            Poll::Ready(Some(()))
        } else {
            Poll::Pending
        }
    }
}

/// Listens on a connection of its own, which is made again whenever it is lost, until the stop.
///
/// A lost bell costs up to a second of latency, and nothing else.
pub(super) async fn listen(client: &Client, bells: Vec<(String, Wake)>, stop: &Stop) {
    let redis = client
        .get_connection_info()
        .redis_settings()
        .clone()
        .set_protocol(ProtocolVersion::RESP3);
    let info = client.get_connection_info().clone().set_redis_settings(redis);
    let Ok(client) = Client::open(info) else { return };
    let mut quiet = Quiet::default();
    while !stop.is_called() {
        tokio::select! {
            end = hear(&client, &bells) => if let Err(error) = end
                && let Some(held_back) = quiet.may_speak(Instant::now())
            {
                tracing::warn!(%error, held_back, "no bell: workers look for envelopes each second only");
            },
            () = stop.called() => return,
        }
        stop.within(PAUSE.mul_f64(0.2 + 0.8 * fastrand::f64())).await;
    }
}

/// One connection's life.
async fn hear(client: &Client, bells: &[(String, Wake)]) -> RedisResult<()> {
    let (ring, lost) = (bells.to_vec(), Arc::new(Notify::new()));
    let gone = Arc::clone(&lost);
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(ANSWER))
        .set_push_sender(move |info: PushInfo| {
            match info.kind {
                PushKind::Message => {
                    let is_for = |name: &str| matches!(info.data.first(), Some(Value::BulkString(to)) if to == name.as_bytes());
                    ring.iter().filter(|(name, _)| is_for(name)).for_each(|(_, wake)| wake.ring());
                }
                PushKind::Disconnection => gone.notify_one(),
                _ => {}
            }
            Ok::<(), redis::aio::SendError>(())
        });
    let mut connection = client
        .get_multiplexed_async_connection_with_config(&config)
        .await?;
    for (name, _) in bells {
        connection.subscribe(name).await?;
    }
    // Something may have come while nobody listened.
    bells.iter().for_each(|(_, wake)| wake.ring());
    while tokio::time::timeout(TRY, lost.notified()).await.is_err() {
        // A connection that died without a word is found by this.
        redis::cmd("PING").query_async::<()>(&mut connection).await?;
    }
    Ok(())
}
