//! The administrator's own address: health and metrics, plain HTTP, loopback unless configured.
//!
//! | Request        | Answer                                                     |
//! |----------------|------------------------------------------------------------|
//! | `GET /health`  | 200 or 503 with JSON                                       |
//! | `GET /metrics` | OpenMetrics text                                           |
//! | other methods  | 405                                                        |
//! | other paths    | 404                                                        |
//! | foreign `Host` | 403: a web page whose name was pointed at 127.0.0.1 asks   |

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::{Map, Value, json};

use super::metrics::Metrics;
use crate::wire::Arrival;

/// How the house is.
#[derive(Debug, Clone, Default)]
pub struct Health {
    /// Whether requests can be served.
    pub ok: bool,
    /// What the parts say of themselves; shown as they are.
    pub details: Map<String, Value>,
}

type Ask = dyn Fn() -> BoxFuture<'static, Health> + Send + Sync;

/// Answers on the administrator's address. Cheap to clone.
#[derive(Clone)]
pub struct Admin {
    metrics: Metrics,
    health: Arc<Ask>,
}

impl Admin {
    /// `health` is asked for each `/health`; it should be quick and bounded in time.
    pub fn new(
        metrics: Metrics,
        health: impl Fn() -> BoxFuture<'static, Health> + Send + Sync + 'static,
    ) -> Self {
        Self { metrics, health: Arc::new(health) }
    }

    /// Answers one request; what `net::Server::serve` calls.
    pub fn serve(
        &self,
        arrival: Arrival,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Full<Bytes>>> + Send + use<> {
        let admin = self.clone();
        async move { admin.answer(arrival, &request).await }
    }

    async fn answer<B>(&self, arrival: Arrival, request: &Request<B>) -> Response<Full<Bytes>> {
        if arrival.local.ip().is_loopback() && !names_this_machine(request) {
            return plain(StatusCode::FORBIDDEN, "Ask for this by address or as localhost.\n");
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut reply = plain(StatusCode::METHOD_NOT_ALLOWED, "Only GET is supported.\n");
            reply.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return reply;
        }
        match request.uri().path() {
            "/health" => {
                let health = (self.health)().await;
                let (status, word) = match health.ok {
                    true => (StatusCode::OK, "ok"),
                    false => (StatusCode::SERVICE_UNAVAILABLE, "failing"),
                };
                let version = env!("CARGO_PKG_VERSION");
                let page = json!({"status": word, "version": version, "details": health.details});
                page_of(status, "application/json", page.to_string())
            }
            "/metrics" => {
                let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
                page_of(StatusCode::OK, kind, self.metrics.encode())
            }
            _ => plain(StatusCode::NOT_FOUND, "There are /health and /metrics.\n"),
        }
    }
}

fn names_this_machine<B>(request: &Request<B>) -> bool {
    let host = request.headers().get(HOST).and_then(|value| value.to_str().ok());
    let authority = host.and_then(|host| host.parse::<http::uri::Authority>().ok());
    let authority = authority.as_ref().or(request.uri().authority());
    let Some(name) = authority.map(|authority| authority.host()) else { return false };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok()
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    page_of(status, "text/plain; charset=utf-8", text)
}

fn page_of(
    status: StatusCode,
    kind: &'static str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn answers_health_and_metrics_to_this_machine_alone() {
        let admin = Admin::new(Metrics::default(), || {
            Box::pin(async { Health { ok: false, ..Health::default() } })
        });
        let near = "127.0.0.1:9000".parse().unwrap();
        let arrival = Arrival { peer: near, local: near, secure: false, unix: false };
        for (method, host, path, status, body) in [
            ("GET", "localhost:9000", "/health", 503, r#""status":"failing""#),
            ("GET", "127.0.0.1", "/metrics", 200, "# EOF"),
            ("GET", "[::1]:9000", "/", 404, "/health"),
            ("POST", "localhost", "/health", 405, "GET"),
            ("GET", "evil.example", "/metrics", 403, "localhost"),
        ] {
            let request = Request::builder().method(method).uri(path).header("host", host);
            let reply = admin.answer(arrival, &request.body(()).unwrap()).await;
            assert_eq!(reply.status(), status, "{method} {host} {path}");
            let bytes = http_body_util::BodyExt::collect(reply.into_body()).await.unwrap();
            let text = String::from_utf8(bytes.to_bytes().to_vec()).unwrap();
            assert!(text.contains(body), "{text}");
        }
    }
}
