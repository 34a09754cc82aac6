//! Who tries a password.

use std::net::IpAddr;

use super::find_cookie;
use crate::proto::user_agent::ClientKind;
use crate::wire::Request;

/// What is known about who tries a password.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The client's address, after `trusted_proxies`.
    pub ip: IpAddr,
    /// The request's id.
    pub request_id: String,
    /// The browser's mark from an earlier login ([`Auth::device_mark`]).
    pub device: Option<String>,
    /// What kind of client it says it is.
    pub client: &'static str,
}

impl Caller {
    /// The caller of `request`.
    pub fn of(request: &Request) -> Self {
        Self {
            ip: request.remote_ip,
            request_id: request.id.to_string(),
            device: find_cookie(&request.headers, "device", &request.base_url).map(str::to_owned),
            client: ClientKind::of(request.header("user-agent").unwrap_or_default()).name(),
        }
    }
}
