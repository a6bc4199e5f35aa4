//! The HTTP server.

use std::convert::Infallible;
use std::io;
use std::pin::pin;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use axum::routing::{any, get};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tower::Service as _;

use crate::pipeline::{Aborted, answer};
use crate::{Simulator, consent, control, page};

impl Simulator {
    /// Everything that is served: the API, the consent page, the control API and the page for people.
    ///
    /// Only [`serve`](Self::serve) can cut connections; elsewhere such a fault is an answer 500.
    pub fn router(&self) -> Router {
        let consent = || get(consent::show).post(consent::decide);
        Router::new()
            .route("/", get(page::show))
            .nest("/simulator", control::routes())
            .route("/oauth2/authorize", consent())
            .route("/api/oauth2/authorize", consent())
            .route("/api/v10/oauth2/authorize", consent())
            .route("/api/v9/oauth2/authorize", consent())
            .route("/api/{*rest}", any(answer))
            .with_state(self.clone())
    }

    /// Serves until `stop` is done. Connections that are open then are cut.
    ///
    /// # Errors
    ///
    /// When the listener fails in a way that waiting does not mend.
    pub async fn serve(
        &self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let router = self.router();
        let mut stop = pin!(stop);
        // Dropping the set ends its tasks, so no connection outlives the server.
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                () = &mut stop => return Ok(()),
                Some(_) = connections.join_next() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(serve_connection(stream, router.clone()));
                    }
                    Err(error) if is_about_one_connection(&error) => {}
                    Err(error) => return Err(error),
                },
            }
        }
    }
}

/// Errors of `accept` that say nothing about the listener.
fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}

async fn serve_connection(stream: TcpStream, router: Router) {
    // Small answers must not wait for a full packet; a refusal only costs time.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let mut router = router.clone();
        async move { send_or_cut(router.call(request.map(Body::new)).await) }
    });
    // An error here is the client's or a fault's; both have been counted.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// An error makes hyper end the connection without an answer.
fn send_or_cut(answer: Result<Response<Body>, Infallible>) -> io::Result<Response<Body>> {
    let Ok(response) = answer;
    if response.extensions().get::<Aborted>().is_some() {
        return Err(io::ErrorKind::ConnectionReset.into());
    }
    Ok(response)
}
