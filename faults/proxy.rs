//! A link that can be slow, narrow, lossy, silent or cut: a TCP proxy between processes and what they talk to.
//!
//! The scenario sets what the link does, at any time; connections that are open feel it at once.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

/// What is carried at once.
const CHUNK: usize = 16 * 1024;

/// What a link does to what passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// Nothing.
    Open,
    /// Everything comes so many milliseconds later, in both directions.
    Slow { ms: u64 },
    /// So many bytes a second.
    Narrow { bytes: u32 },
    /// Of a hundred questions so many end their connection by a reset: half of them before they arrive, half of them
    /// after, so that only the answer is lost.
    Lossy { of_hundred: u8 },
    /// Questions arrive, answers do not. What waited for one never gets it.
    HalfOpen,
    /// Connections are taken, and nothing passes. What was under way arrives when the link opens again.
    BlackHole,
    /// Connections are reset, open ones and new ones.
    Cut,
}

/// The link as it is.
#[derive(Debug, Clone)]
struct Road {
    link: Link,
    /// Where it leads.
    to: String,
}

/// See the module. The end of it is the end of all its connections.
pub(crate) struct Proxy {
    /// Where it listens, as `host:port`.
    pub(crate) address: String,
    road: watch::Sender<Road>,
    _end: DropGuard,
}

impl Proxy {
    /// An open link to `host:port`. The seed decides what a lossy link loses.
    pub(crate) async fn to(address: &str, seed: u64) -> Result<Self, String> {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .map_err(|e| e.to_string())?;
        let own = listener.local_addr().map_err(|e| e.to_string())?.to_string();
        let (road, seen) = watch::channel(Road {
            link: Link::Open,
            to: address.to_owned(),
        });
        let end = CancellationToken::new();
        tokio::spawn(
            end.clone()
                .run_until_cancelled_owned(serve(listener, seen, seed, end.clone())),
        );
        Ok(Self {
            address: own,
            road,
            _end: end.drop_guard(),
        })
    }

    /// From now on it does this.
    pub(crate) fn set(&self, link: Link) {
        self.road.send_modify(|road| road.link = link);
    }

    /// From now on it leads there; what is open is reset.
    pub(crate) fn lead_to(&self, address: &str) {
        let link = self.road.borrow().link;
        self.set(Link::Cut);
        self.road.send_modify(|road| {
            address.clone_into(&mut road.to);
            road.link = link;
        });
    }
}

async fn serve(listener: TcpListener, road: watch::Receiver<Road>, seed: u64, end: CancellationToken) {
    let mut dice = fastrand::Rng::with_seed(seed);
    while let Ok((near, _)) = listener.accept().await {
        let (road, dice) = (road.clone(), dice.fork());
        tokio::spawn(end.clone().run_until_cancelled_owned(async move {
            // However it ends, both ends see it.
            let _ = connection(near, road, dice).await;
        }));
    }
}

async fn connection(near: TcpStream, mut road: watch::Receiver<Road>, dice: fastrand::Rng) -> io::Result<()> {
    near.set_zero_linger()?;
    near.set_nodelay(true)?;
    let to = carrying(&mut road).await?.to;
    let far = TcpStream::connect(&to).await?;
    far.set_zero_linger()?;
    far.set_nodelay(true)?;
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    let there = Way {
        road: road.clone(),
        dice: Some(dice),
    };
    let back = Way {
        road: road.clone(),
        dice: None,
    };
    tokio::select! {
        end = there.pump(near_in, far_out) => end,
        end = back.pump(far_in, near_out) => end,
        end = ended(road, to) => end,
    }
}

/// Resolves when a connection to `to` cannot go on.
async fn ended(mut road: watch::Receiver<Road>, to: String) -> io::Result<()> {
    let mut swallowed = false;
    road.wait_for(|road| {
        let answers_are_missing = swallowed && road.link != Link::HalfOpen;
        swallowed |= road.link == Link::HalfOpen;
        road.link == Link::Cut || road.to != to || answers_are_missing
    })
    .await
    .map(drop)
    .map_err(|_| gone())
}

fn gone() -> io::Error {
    io::Error::from(io::ErrorKind::ConnectionReset)
}

/// Waits while nothing passes.
async fn carrying(road: &mut watch::Receiver<Road>) -> io::Result<Road> {
    let open = road.wait_for(|road| road.link != Link::BlackHole).await;
    let road = open.map_err(|_| gone())?.clone();
    if road.link == Link::Cut {
        Err(gone())
    } else {
        Ok(road)
    }
}

/// One direction of a connection.
struct Way {
    road: watch::Receiver<Road>,
    /// The way of questions has dice.
    dice: Option<fastrand::Rng>,
}

/// What a lossy link loses of one question.
enum Lost {
    Nothing,
    Question,
    Answer,
}

impl Way {
    fn lost(&mut self, of_hundred: u8) -> Lost {
        let Some(dice) = &mut self.dice else {
            return Lost::Nothing;
        };
        match (dice.u8(0..100) < of_hundred, dice.bool()) {
            (false, _) => Lost::Nothing,
            (true, true) => Lost::Question,
            (true, false) => Lost::Answer,
        }
    }

    async fn pump(mut self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> io::Result<()> {
        let mut chunk = vec![0; CHUNK];
        loop {
            let n = from.read(&mut chunk).await?;
            if n == 0 {
                return Ok(());
            }
            let lost_after = match carrying(&mut self.road).await?.link {
                Link::Slow { ms } => {
                    tokio::time::sleep(Duration::from_millis(ms)).await;
                    false
                }
                Link::Narrow { bytes } => {
                    tokio::time::sleep(Duration::from_secs_f64(n as f64 / f64::from(bytes.max(1)))).await;
                    false
                }
                Link::Lossy { of_hundred } => match self.lost(of_hundred) {
                    Lost::Question => return Err(gone()),
                    Lost::Answer => true,
                    Lost::Nothing => false,
                },
                Link::HalfOpen if self.dice.is_none() => continue,
                _ => false,
            };
            // What was under way in a black hole arrives late, not never.
            carrying(&mut self.road).await?;
            to.write_all(&chunk[..n]).await?;
            if lost_after {
                to.flush().await?;
                return Err(gone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that says everything back, and a connection to it through a link.
    async fn echo() -> (Proxy, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = near.split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        let proxy = Proxy::to(&address, 1).await.unwrap();
        let stream = TcpStream::connect(&proxy.address).await.unwrap();
        (proxy, stream)
    }

    async fn said_back(stream: &mut TcpStream) -> io::Result<u8> {
        stream.write_all(b"x").await?;
        stream.read_u8().await
    }

    const A_MOMENT: Duration = Duration::from_millis(200);

    #[tokio::test]
    async fn an_open_link_carries_and_a_cut_one_resets_what_is_open_and_what_is_new() {
        let (proxy, mut stream) = echo().await;
        assert_eq!(said_back(&mut stream).await.unwrap(), b'x');
        proxy.set(Link::Cut);
        assert!(stream.read_u8().await.is_err());
        let mut again = TcpStream::connect(&proxy.address).await.unwrap();
        assert!(said_back(&mut again).await.is_err());
        proxy.set(Link::Open);
        let mut at_last = TcpStream::connect(&proxy.address).await.unwrap();
        assert_eq!(said_back(&mut at_last).await.unwrap(), b'x');
    }

    #[tokio::test]
    async fn what_a_black_hole_holds_arrives_when_it_opens_and_what_a_half_open_link_swallows_never() {
        let (proxy, mut stream) = echo().await;
        assert_eq!(said_back(&mut stream).await.unwrap(), b'x');
        proxy.set(Link::BlackHole);
        assert!(
            tokio::time::timeout(A_MOMENT, said_back(&mut stream))
                .await
                .is_err()
        );
        proxy.set(Link::Open);
        assert_eq!(stream.read_u8().await.unwrap(), b'x');
        proxy.set(Link::HalfOpen);
        assert!(
            tokio::time::timeout(A_MOMENT, said_back(&mut stream))
                .await
                .is_err()
        );
        proxy.set(Link::Open);
        assert!(stream.read_u8().await.is_err());
    }

    #[tokio::test]
    async fn a_lossy_link_loses_some_connections_and_a_slow_one_takes_its_time() {
        let (proxy, mut stream) = echo().await;
        proxy.set(Link::Lossy { of_hundred: 100 });
        assert!(said_back(&mut stream).await.is_err());
        proxy.set(Link::Slow { ms: 50 });
        let mut slow = TcpStream::connect(&proxy.address).await.unwrap();
        let began = std::time::Instant::now();
        assert_eq!(said_back(&mut slow).await.unwrap(), b'x');
        assert!(began.elapsed() >= Duration::from_millis(100));
        proxy.set(Link::Narrow { bytes: 20 });
        let began = std::time::Instant::now();
        assert_eq!(said_back(&mut slow).await.unwrap(), b'x');
        assert!(began.elapsed() >= Duration::from_millis(100));
    }
}
