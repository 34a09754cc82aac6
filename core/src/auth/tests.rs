//! Tests of the whole of `auth`, over the index.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::wire::{Body, Request};

/// A request from 192.0.2.1 to `http://cloud.test`.
pub(crate) fn request(method: &str, uri: &str, fields: &[(&str, &str)]) -> Request {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(
            HeaderName::from_bytes(name.as_bytes()).expect("a field name"),
            HeaderValue::from_str(value).expect("a field value"),
        );
    }
    Request {
        method: Method::from_bytes(method.as_bytes()).expect("a method"),
        uri: uri.parse().expect("a target"),
        headers,
        body: Body::from_bytes(""),
        remote_ip: "192.0.2.1".parse().expect("an address"),
        base_url: Arc::from("http://cloud.test"),
        id: Arc::from("test"),
    }
}
