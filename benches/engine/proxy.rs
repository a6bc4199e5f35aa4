//! Stands between a process and a server, passes everything on, and counts what is asked: by name, whatever the server is
//! and whoever asks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::wire::{Framing, Wire};

/// What was asked until a moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    /// Commands by their names.
    pub(crate) commands: BTreeMap<String, u64>,
    /// Packets that held at least one command: what travels together costs one round trip.
    pub(crate) packets: u64,
}

impl Asked {
    /// What was asked since.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let fresh = |(name, n): (&String, &u64)| {
            let n = n - before.commands.get(name).copied().unwrap_or(0);
            (n > 0).then(|| (name.clone(), n))
        };
        Self {
            commands: self.commands.iter().filter_map(fresh).collect(),
            packets: self.packets - before.packets,
        }
    }
}

/// A port that leads to a server. Ends with this value.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    asked: Arc<Mutex<Asked>>,
    _accepting: tokio::task::JoinSet<()>,
}

impl Proxy {
    /// Listens on a free port of this machine, and leads to `server` (`host:port`).
    pub(crate) async fn start(server: String, wire: Wire) -> Result<Self, String> {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .map_err(|e| e.to_string())?;
        let port = listener.local_addr().map_err(|e| e.to_string())?.port();
        let asked = Arc::<Mutex<Asked>>::default();
        let (counted, mut accepting) = (Arc::clone(&asked), tokio::task::JoinSet::new());
        accepting.spawn(async move {
            let mut links = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let Ok(upstream) = TcpStream::connect(&server).await else {
                    continue;
                };
                links.spawn(link(client, upstream, wire, Arc::clone(&counted)));
            }
        });
        Ok(Self {
            port,
            asked,
            _accepting: accepting,
        })
    }

    pub(crate) fn asked(&self) -> Asked {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn link(client: TcpStream, server: TcpStream, wire: Wire, asked: Arc<Mutex<Asked>>) {
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let back = async {
        tokio::io::copy(&mut from_server, &mut to_client).await?;
        // Who asked the server to close waits for that.
        to_client.shutdown().await
    };
    let forth = async {
        let (mut buffer, mut framing) = (vec![0; 64 * 1024], Framing::new(wire));
        loop {
            let read = from_client.read(&mut buffer).await?;
            if read == 0 {
                return to_server.shutdown().await;
            }
            let names = framing.take(&buffer[..read]);
            if !names.is_empty() {
                let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
                asked.packets += 1;
                for name in names {
                    *asked.commands.entry(name).or_default() += 1;
                }
            }
            to_server.write_all(&buffer[..read]).await?;
        }
    };
    // Either end may go first, and then the other has nothing to say.
    let _: (std::io::Result<()>, std::io::Result<()>) = tokio::join!(back, forth);
}
