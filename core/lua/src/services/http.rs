//! Requests of scripts to other servers.

use std::time::Duration;

use zeroize::Zeroizing;

use super::Answer;

/// Which addresses a name may lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Those of the Internet.
    Public,
    /// Any: the host was granted as `http-private:`.
    Anywhere,
}

/// One request. Nobody follows a redirect below this: the module does, and asks the grants again.
#[derive(Debug, Clone)]
pub struct HttpRequest {
    /// In capitals.
    pub method: String,
    /// `http` or `https`.
    pub url: String,
    /// In lower case. May hold secrets.
    pub headers: Vec<(String, Zeroizing<Vec<u8>>)>,
    /// What is sent.
    pub body: Vec<u8>,
    /// Until the last byte of the answer.
    pub timeout: Duration,
    /// Most bytes that are taken of the answer; more are an error.
    pub most: usize,
    /// Where the host may be.
    pub reach: Reach,
}

/// An answer.
#[derive(Debug, Clone, Default)]
pub struct HttpAnswer {
    /// Of the status line.
    pub status: u16,
    /// In lower case, in order, repeated as sent.
    pub headers: Vec<(String, Vec<u8>)>,
    /// What was received.
    pub body: Vec<u8>,
}

/// Sends requests.
pub trait Http: Send + Sync {
    /// Sends one. `Err` is why there was no answer, without anything secret in it.
    fn send(&self, request: HttpRequest) -> Answer<'_, Result<HttpAnswer, String>>;
}
