//! A server, a browser, and an app that waits to be connected.

use anyhow::{Context, Result, ensure};
use e2e::Server;
use e2e::http::{Request, Response, exchange};
use e2e::webdriver::{Options, WebDriver};
use serde_json::Value;

/// Alice's.
pub(crate) const PASSWORD: &str = "the long password of alice";
/// What the app calls itself.
pub(crate) const APP: &str = "Laptop of Alice (Desktop Client - Linux)";
/// The button that allows, on the page that asks.
pub(crate) const ALLOW: &str = "form[action$='/grant'] button, form[action$='/login/flow'] button";

/// A server with the user alice, and a browser.
pub(crate) struct House {
    pub(crate) server: Server,
    pub(crate) browser: WebDriver,
}

/// What an app gets when it begins login flow v2.
pub(crate) struct Flow {
    token: String,
    endpoint: String,
    /// Where the user is sent.
    pub(crate) login: String,
}

impl House {
    pub(crate) fn new(options: Options) -> Result<Self> {
        let server = Server::start_with("[server]\nadmin_listen = \"\"\n", &[])?;
        server.add_user("alice", PASSWORD)?;
        let browser = WebDriver::start(&server.ca(), options)?;
        Ok(Self { server, browser })
    }

    /// The address of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.https().base())
    }

    /// An app begins login flow v2.
    pub(crate) fn begin(&self, app: &str) -> Result<Flow> {
        let request = Request::new("POST", "/index.php/login/v2").field("User-Agent", app);
        let answer = exchange(&self.server.https(), &request)?;
        ensure!(answer.status == 200, "the flow does not begin: {}", answer.status);
        let answer: Value = serde_json::from_slice(&answer.body)?;
        let text = |value: &Value| value.as_str().map(str::to_owned).context("a text");
        let endpoint = text(&answer["poll"]["endpoint"])?;
        let base = self.server.https().base();
        let endpoint = endpoint.strip_prefix(&base).context(endpoint.clone())?.to_owned();
        let token = text(&answer["poll"]["token"])?;
        Ok(Flow { token, endpoint, login: text(&answer["login"])? })
    }

    /// The app asks for its password.
    pub(crate) fn poll(&self, flow: &Flow) -> Result<Response> {
        let request = Request::new("POST", &flow.endpoint)
            .field("Content-Type", "application/x-www-form-urlencoded")
            .body(format!("token={}", flow.token));
        exchange(&self.server.https(), &request)
    }

    /// Types name and password into the form of the page, and sends it.
    pub(crate) fn log_in(&self, user: &str, password: &str) -> Result<()> {
        self.browser.fill("#user", user)?;
        self.browser.fill("#password", password)?;
        self.browser.click("main form button")
    }

    /// The app gets a password for `user` that works, and gets it once.
    pub(crate) fn app_is_connected(&self, flow: &Flow, user: &str) -> Result<()> {
        let answer = self.poll(flow)?;
        ensure!(answer.status == 200, "after the grant: {}", answer.status);
        let granted: Value = serde_json::from_slice(&answer.body)?;
        ensure!(granted["loginName"] == user, "{granted}");
        ensure!(granted["server"] == Value::String(self.server.https().base()), "{granted}");
        self.opens_files(user, granted["appPassword"].as_str().context("appPassword")?)?;
        let again = self.poll(flow)?;
        ensure!(again.status == 404, "the password was given twice: {}", again.status);
        Ok(())
    }

    /// An app password opens the files of `user`.
    pub(crate) fn opens_files(&self, user: &str, password: &str) -> Result<()> {
        let path = format!("/remote.php/dav/files/{user}/");
        let request = Request::new("HEAD", &path).basic(user, password);
        let answer = exchange(&self.server.https(), &request)?;
        ensure!(answer.status == 200, "the app password does not work: {}", answer.status);
        Ok(())
    }

    /// The browser refused nothing of the pages so far, but for answers with the status `expected`.
    pub(crate) fn browser_is_content(&self, expected: &[&str]) -> Result<()> {
        let complaints = self.browser.complaints()?;
        let unexpected: Vec<_> = complaints
            .iter()
            .filter(|line| !expected.iter().any(|status| line.contains(status)))
            .collect();
        ensure!(unexpected.is_empty(), "the browser complains: {unexpected:#?}");
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<()> {
        drop(self.browser);
        self.server.finish()
    }
}
