//! Requests over the network, by reqwest.
//!
//! The addresses that a name leads to are filtered where they are resolved, and only those that pass
//! are connected to: a name that answers differently the second time gains nothing.

use std::net::SocketAddr;
use std::sync::OnceLock;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Method};
use rustls::crypto::CryptoProvider;

use super::{Answer, Http, HttpAnswer, HttpRequest, Reach};

/// Sends requests over the network. The clients are made when they are needed: most servers never do.
#[derive(Debug, Default)]
pub struct Web {
    /// Certificates that may sign a server's beside those of the system.
    authorities: Vec<Certificate>,
    public: OnceLock<Client>,
    anywhere: OnceLock<Client>,
}

impl Web {
    /// Believes also the certificates of this PEM text.
    ///
    /// # Errors
    /// In a sentence, if it has none.
    pub fn trusting(pem: &[u8]) -> Result<Self, String> {
        let authorities = Certificate::from_pem_bundle(pem).map_err(|error| described(&error))?;
        match authorities.is_empty() {
            true => Err("there is no certificate in PEM form".to_owned()),
            false => Ok(Self { authorities, ..Self::default() }),
        }
    }

    fn client(&self, reach: Reach) -> Result<Client, String> {
        let place = match reach {
            Reach::Public => &self.public,
            Reach::Anywhere => &self.anywhere,
        };
        if let Some(client) = place.get() {
            return Ok(client.clone());
        }
        if CryptoProvider::get_default().is_none() {
            // Somebody else may be faster, with the same.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let agent = concat!("moonsail/", env!("CARGO_PKG_VERSION"));
        // A proxy would resolve names by itself, past our filter.
        let mut builder =
            Client::builder().redirect(Policy::none()).no_proxy().user_agent(agent).referer(false);
        if !self.authorities.is_empty() {
            builder = builder.tls_certs_merge(self.authorities.iter().cloned());
        }
        if reach == Reach::Public {
            builder = builder.dns_resolver(PublicNames);
        }
        let made = builder.build().map_err(|error| described(&error))?;
        Ok(place.get_or_init(|| made).clone())
    }
}

/// Names as far as they lead to the Internet.
struct PublicNames;

impl Resolve for PublicNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let all = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(public(all)?)
        })
    }
}

/// The public ones among addresses.
fn public(all: impl Iterator<Item = SocketAddr>) -> Result<Addrs, String> {
    let public: Vec<SocketAddr> = all.filter(|it| crate::net::is_public(it.ip())).collect();
    match public.is_empty() {
        false => Ok(Box::new(public.into_iter())),
        true => {
            Err("the name leads to no public address (grant it as http-private: if it may)"
                .to_owned())
        }
    }
}

impl Http for Web {
    fn send(&self, request: HttpRequest) -> Answer<'_, Result<HttpAnswer, String>> {
        let client = self.client(request.reach);
        Box::pin(async move { sent(client?, request).await })
    }
}

async fn sent(client: Client, request: HttpRequest) -> Result<HttpAnswer, String> {
    let method =
        Method::from_bytes(request.method.as_bytes()).map_err(|error| error.to_string())?;
    let mut builder = client.request(method, &request.url).timeout(request.timeout);
    for (name, value) in &request.headers {
        builder = builder.header(name, value.as_slice());
    }
    if !request.body.is_empty() {
        builder = builder.body(request.body);
    }
    let mut answer = builder.send().await.map_err(|error| described(&error))?;
    let fields = answer.headers().iter();
    let headers =
        fields.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
    let status = answer.status().as_u16();
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(|error| described(&error))? {
        if body.len() + piece.len() > request.most {
            return Err(format!("the answer has more than {} bytes", request.most));
        }
        body.extend_from_slice(&piece);
    }
    Ok(HttpAnswer { status, headers, body })
}

/// An error with its causes, and without the URL, which may hold a secret.
fn described(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it took too long".to_owned();
    }
    let mut text = String::new();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(if text.is_empty() { "" } else { ": " });
            text.push_str(&more);
        }
        cause = error.source();
    }
    if text.is_empty() { "the request cannot be sent".to_owned() } else { text }
}
