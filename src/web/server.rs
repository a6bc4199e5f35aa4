//! Serves until told to stop, and then ends what is in hand.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::http::layers::TIMEOUT;
use super::routes;
use crate::app::App;

/// Answers on `listener` until `stop` is cancelled. Then readiness is gone at once, no new connection is taken, streams
/// of events end, and requests in hand are answered; what is not over after 16 s (or the shorter grace of the
/// configuration) is cut off.
///
/// # Errors
/// If the listener breaks.
pub async fn serve(app: Arc<App>, listener: TcpListener, stop: CancellationToken) -> std::io::Result<()> {
    let patience = (TIMEOUT + Duration::from_secs(1)).min(app.config.shutdown_grace);
    answer(routes::router(app, stop.clone()), patience, listener, stop).await
}

/// The same with nothing but the health routes, for a worker or a scheduler.
///
/// # Errors
/// If the listener breaks.
pub async fn serve_health(
    app: Arc<App>,
    listener: TcpListener,
    stop: CancellationToken,
) -> std::io::Result<()> {
    answer(
        routes::health_router(app, stop.clone()),
        Duration::from_secs(1),
        listener,
        stop,
    )
    .await
}

/// The same with nothing but `/metrics`, which needs no token there.
///
/// # Errors
/// If the listener breaks.
pub async fn serve_metrics(
    app: Arc<App>,
    listener: TcpListener,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let router = routes::metrics_router(app, stop.clone());
    answer(router, Duration::from_secs(1), listener, stop).await
}

async fn answer(
    router: Router,
    patience: Duration,
    listener: TcpListener,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    // A connection on which nobody finishes a request would otherwise keep the process alive for ever.
    let cut_off = async {
        stop.cancelled().await;
        tokio::time::sleep(patience).await;
    };
    tokio::select! {
        result = serving => result,
        () = cut_off => {
            tracing::warn!("discord_api: connections were still open {patience:?} after the stop; they are cut off");
            Ok(())
        }
    }
}
