//! Accepts connections and serves HTTP on them.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode, header};
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use sidetone_edge::Peer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_service::Service;

use crate::headers::host;

/// How long a client has for its TLS handshake, and again for the head of each request.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long to wait when the system has no more sockets to give.
const OUT_OF_SOCKETS: Duration = Duration::from_millis(500);
/// How long responses under way have when the gateway shuts down.
const LAST_RESPONSES: Duration = Duration::from_secs(5);

/// The first byte of a TLS connection: a record of type "handshake" (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 0x16;

#[derive(Clone)]
struct Front {
    router: Router,
    tls: Option<TlsAcceptor>,
    closing: CancellationToken,
}

/// Serves `router` until `closing`, then lets responses under way finish.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    closing: CancellationToken,
) {
    let connections = TaskTracker::new();
    let front = Front {
        router,
        tls,
        closing: closing.clone(),
    };
    loop {
        let accepted = tokio::select! {
            () = closing.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, remote)) => {
                let front = front.clone();
                connections.spawn(async move {
                    if let Err(error) = front.welcome(stream, remote).await {
                        tracing::debug!(%error, "a connection ended early");
                    }
                });
            }
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted");
                sleep(OUT_OF_SOCKETS).await;
            }
        }
    }
    drop(listener);
    connections.close();
    if timeout(LAST_RESPONSES, connections.wait()).await.is_err() {
        tracing::warn!("some responses did not end in time");
    }
}

fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

impl Front {
    async fn welcome(self, stream: TcpStream, remote: SocketAddr) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let closing = self.closing.clone();
        let encrypted = match &self.tls {
            None => return self.answer(stream, Peer::plain(remote)).await,
            Some(tls) => {
                let handshake = timeout(PATIENCE, encrypt(tls, stream));
                match closing.run_until_cancelled(handshake).await {
                    Some(done) => done??,
                    None => return Ok(()),
                }
            }
        };
        match encrypted {
            Ok(stream) => self.answer(stream, Peer::encrypted(remote)).await,
            Err(stream) => {
                let redirect = |request| async move { Ok(to_https(&request)) };
                converse(stream, redirect, &closing).await
            }
        }
    }

    async fn answer<S>(self, stream: S, peer: Peer) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let router = self.router;
        let route = move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            router.clone().call(request)
        };
        converse(stream, route, &self.closing).await
    }
}

/// The stream within, or the stream itself if the client doesn't speak TLS.
async fn encrypt(
    tls: &TlsAcceptor,
    stream: TcpStream,
) -> io::Result<Result<TlsStream<TcpStream>, TcpStream>> {
    let mut first = [0];
    stream.peek(&mut first).await?;
    if first[0] == TLS_HANDSHAKE {
        Ok(Ok(tls.accept(stream).await?))
    } else {
        Ok(Err(stream))
    }
}

async fn converse<S, H, F>(stream: S, handle: H, closing: &CancellationToken) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Fn(Request<Incoming>) -> F,
    F: Future<Output = Result<Response<Body>, Infallible>>,
{
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), service_fn(handle))
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    ended.map_err(io::Error::other)
}

/// Answers plain HTTP on the port of HTTPS.
fn to_https(request: &Request<Incoming>) -> Response<Body> {
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    let is_page = matches!(*request.method(), Method::GET | Method::HEAD);
    match host(request.headers()) {
        Some(host) if is_page && path.starts_with('/') => {
            let target = format!("https://{host}{path}");
            let close = (header::CONNECTION, "close".to_owned());
            let headers = [(header::LOCATION, target), close];
            (StatusCode::TEMPORARY_REDIRECT, headers).into_response()
        }
        _ => {
            let words = "This port speaks HTTPS: write https:// (or wss://) before the address.\n";
            (StatusCode::BAD_REQUEST, words).into_response()
        }
    }
}
