//! `moonsail.host.http/1`: requests of plugins, over one client.

use std::sync::OnceLock;

use bytes::{Bytes, BytesMut};
use moonsail_sdk::abi::guest::HttpReply;
use moonsail_sdk::abi::host::{HttpRequest, HttpService, ServiceFuture};
use reqwest::redirect::Policy;
use reqwest::{Client, Method};

/// Most bytes that are taken of an answer.
const MOST: usize = 8 << 20;

/// The client of all plugins. Made at the first request: most servers never need it.
#[derive(Debug, Default)]
pub(super) struct HttpClient(OnceLock<Client>);

impl HttpClient {
    fn client(&self) -> Result<Client, String> {
        if let Some(client) = self.0.get() {
            return Ok(client.clone());
        }
        let agent = concat!("moonsail/", env!("CARGO_PKG_VERSION"));
        let made = Client::builder().redirect(Policy::none()).user_agent(agent).build();
        let made = made.map_err(|error| described(&error))?;
        Ok(self.0.get_or_init(|| made).clone())
    }
}

impl HttpService for HttpClient {
    fn send(&self, request: HttpRequest) -> ServiceFuture<HttpReply> {
        let client = self.client();
        Box::pin(async move { sent(client?, request).await })
    }
}

async fn sent(client: Client, request: HttpRequest) -> Result<HttpReply, String> {
    let method =
        Method::from_bytes(request.method.as_bytes()).map_err(|error| error.to_string())?;
    let mut builder = client.request(method, &request.url).timeout(request.timeout);
    for (name, value) in &request.headers {
        builder = builder.header(name, value.as_slice());
    }
    let mut answer = builder.body(request.body).send().await.map_err(|error| described(&error))?;
    let status = answer.status().as_u16();
    let fields = answer.headers().iter();
    let headers =
        fields.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
    let mut body = BytesMut::new();
    while let Some(piece) = answer.chunk().await.map_err(|error| described(&error))? {
        if body.len() + piece.len() > MOST {
            return Err(format!("the answer has more than {MOST} bytes"));
        }
        body.extend_from_slice(&piece);
    }
    Ok(HttpReply { status, headers, body: Bytes::from(body) })
}

/// An error with its causes, and without the URL, which may hold a secret.
fn described(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(error) = cause {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&error.to_string());
        cause = error.source();
    }
    match (text.is_empty(), error.is_timeout()) {
        (_, true) => "it took too long".to_owned(),
        (true, false) => "the request cannot be sent".to_owned(),
        (false, false) => text,
    }
}
