//! The app's half of login flow v2: it begins, and polls until its user has granted it a password.
//!
//! The other half is a [`Browser`]'s (clients.md §5).

use anyhow::{Context, Result};
use serde_json::Value;

use crate::browser::{Browser, Form};
use crate::http::{Endpoint, Request, Response, exchange};

/// What an app gets when it begins.
pub struct Flow {
    token: String,
    poll: String,
    /// The address for the browser.
    pub login: String,
}

impl Flow {
    /// Begins, as a client of that name.
    ///
    /// # Errors
    /// When there is no such answer.
    pub fn begin(endpoint: &Endpoint, client: &str) -> Result<Self> {
        let request = Request::new("POST", "/index.php/login/v2").field("User-Agent", client);
        let answer: Value = serde_json::from_slice(&exchange(endpoint, &request)?.body)?;
        let text = |value: &Value| value.as_str().map(str::to_owned).context("a text");
        let poll = text(&answer["poll"]["endpoint"])?;
        let poll = poll.strip_prefix(&endpoint.base()).context("endpoint")?.to_owned();
        Ok(Self { token: text(&answer["poll"]["token"])?, poll, login: text(&answer["login"])? })
    }

    /// Asks for the password.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn poll(&self, endpoint: &Endpoint) -> Result<Response> {
        let request = Request::new("POST", &self.poll)
            .field("Content-Type", "application/x-www-form-urlencoded")
            .body(format!("token={}", self.token));
        exchange(endpoint, &request)
    }
}

/// Opens the flow's page and comes to the form that asks for a password.
///
/// # Errors
/// When the pages do not lead there.
pub fn to_login_form(browser: &mut Browser, address: &str) -> Result<Form> {
    browser.open(address)?;
    for _ in 0..3 {
        if browser.forms().iter().any(|form| form.has("password")) {
            break;
        }
        let next = browser.require_form(|_| true)?;
        browser.submit(&next)?;
    }
    browser.require_form(|form| form.has("user") && form.has("password"))
}
