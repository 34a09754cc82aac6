//! A real browser: headless Chromium, driven through chromedriver (W3C WebDriver, JSON over HTTP).
//!
//! Each has a `HOME` of its own, in whose certificate store the server's authority is trusted: the
//! browser checks certificates as it does for everybody. Dropping it ends the browser, too.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::{self, Endpoint, Request};
use crate::tools;

/// How long a page or an element may take to appear.
const LIMIT: Duration = Duration::from_secs(30);
/// The key under which WebDriver gives the id of an element (W3C WebDriver §12.2).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// Codes of keys (W3C WebDriver §17.4.2).
pub const TAB: &str = "\u{e004}";
/// As [`TAB`].
pub const ENTER: &str = "\u{e007}";

/// What a browser is like.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Pages may not run scripts.
    pub without_scripts: bool,
    /// Called so, as an app's web view is.
    pub user_agent: Option<&'static str>,
}

/// A running browser.
pub struct WebDriver {
    driver: Child,
    endpoint: Endpoint,
    session: String,
    _home: TempDir,
}

/// The programs that are missing here, if any.
pub fn missing() -> Option<String> {
    let needed = ["chromium", "chromedriver", "certutil"];
    let missing: Vec<_> = needed.into_iter().filter(|n| tools::find(n).is_none()).collect();
    (!missing.is_empty()).then(|| format!("{} is missing", missing.join(", ")))
}

impl WebDriver {
    /// Starts a browser that trusts the authority in the PEM file `ca` besides the public ones.
    ///
    /// # Errors
    /// When the programs are missing or do not start.
    pub fn start(ca: &Path, options: Options) -> Result<Self> {
        let home = tempfile::Builder::new().prefix("moonsail-browser-").tempdir()?;
        trust(home.path(), ca)?;
        let mut driver = Command::new("chromedriver")
            .args(["--port=0", "--log-level=WARNING"])
            .env("HOME", home.path())
            // Else the browser asks the desktop of whoever runs the tests.
            .env_remove("DISPLAY")
            .env_remove("DBUS_SESSION_BUS_ADDRESS")
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_DATA_HOME")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("starting chromedriver")?;
        let stdout = driver.stdout.take().context("stdout")?;
        let mut browser = Self {
            driver,
            endpoint: Endpoint { port: 0, ca: None },
            session: String::new(),
            _home: home,
        };
        browser.endpoint.port = read_port(BufReader::new(stdout))?;
        browser.open_session(options)?;
        Ok(browser)
    }

    fn open_session(&mut self, options: Options) -> Result<()> {
        let mut arguments = vec![
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(), // root has none; the pages are our own
            "--disable-gpu".to_owned(),
            "--disable-quic".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            "--lang=en".to_owned(),
            "--window-size=1000,900".to_owned(),
        ];
        arguments.extend(options.user_agent.map(|agent| format!("--user-agent={agent}")));
        let scripts = if options.without_scripts { 2 } else { 1 };
        let capabilities = json!({
            "browserName": "chrome",
            "acceptInsecureCerts": false,
            "goog:chromeOptions": {
                "binary": tools::find("chromium").context("chromium is missing")?,
                "args": arguments,
                "prefs": {
                    "profile.managed_default_content_settings.javascript": scripts,
                    "credentials_enable_service": false,
                },
            },
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        });
        let body = json!({"capabilities": {"alwaysMatch": capabilities}});
        let answer = self.ask("POST", "/session", &body)?;
        self.session = answer["sessionId"].as_str().context("sessionId")?.to_owned();
        Ok(())
    }

    /// Opens an address.
    ///
    /// # Errors
    /// When there is no answer, or its certificate is not trusted.
    pub fn open(&self, url: &str) -> Result<()> {
        self.post("/url", &json!({"url": url})).with_context(|| format!("opening {url}")).map(drop)
    }

    /// The address of the page.
    ///
    /// # Errors
    /// When the browser is gone.
    pub fn url(&self) -> Result<String> {
        text_of(self.get("/url")?)
    }

    /// The text of the page, as people see it.
    ///
    /// # Errors
    /// When there is no page.
    pub fn text(&self) -> Result<String> {
        let body = self.find("body")?;
        text_of(self.get(&format!("/element/{body}/text"))?)
    }

    /// The id of the first element for a CSS selector, once it is there.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(&self, css: &str) -> Result<String> {
        let query = json!({"using": "css selector", "value": css});
        let begun = Instant::now();
        loop {
            match self.post("/element", &query) {
                Ok(found) => return text_of(found[ELEMENT].clone()),
                Err(error) if begun.elapsed() > LIMIT => {
                    return Err(error.context(format!("no {css} on {:?}", self.url())));
                }
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// Waits for a first-level heading.
    ///
    /// # Errors
    /// When the page goes on having another.
    pub fn wait_for_heading(&self, heading: &str) -> Result<()> {
        let begun = Instant::now();
        loop {
            let shown = self.script("return document.querySelector('h1')?.innerText", &[]);
            if shown.as_ref().is_ok_and(|shown| shown == heading) {
                return Ok(());
            }
            if begun.elapsed() > LIMIT {
                let page = self.text().unwrap_or_default();
                bail!("the page never came to {heading:?}; it is {shown:?}:\n{page}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Types into an input; what it held is replaced.
    ///
    /// # Errors
    /// When there is none.
    pub fn fill(&self, css: &str, text: &str) -> Result<()> {
        let element = self.find(css)?;
        self.post(&format!("/element/{element}/clear"), &json!({}))?;
        self.post(&format!("/element/{element}/value"), &json!({"text": text})).map(drop)
    }

    /// Clicks, as a mouse does.
    ///
    /// # Errors
    /// When there is nothing to be clicked.
    pub fn click(&self, css: &str) -> Result<()> {
        let element = self.find(css)?;
        self.post(&format!("/element/{element}/click"), &json!({})).map(drop)
    }

    /// Presses keys, wherever the focus is.
    ///
    /// # Errors
    /// When the browser is gone.
    pub fn press(&self, keys: &str) -> Result<()> {
        let mut actions = Vec::new();
        for key in keys.chars() {
            for kind in ["keyDown", "keyUp"] {
                actions.push(json!({"type": kind, "value": key.to_string()}));
            }
        }
        let source = json!({"type": "key", "id": "keyboard", "actions": actions});
        self.post("/actions", &json!({"actions": [source]})).map(drop)
    }

    /// Runs the body of a function in the page, beside what the page itself may do.
    ///
    /// # Errors
    /// When it throws.
    pub fn script(&self, body: &str, arguments: &[Value]) -> Result<Value> {
        self.post("/execute/sync", &json!({"script": body, "args": arguments}))
    }

    /// Goes into the first frame of the page, or out to the page (`None`).
    ///
    /// # Errors
    /// When there is no frame.
    pub fn into_frame(&self, number: Option<u32>) -> Result<()> {
        self.post("/frame", &json!({"id": number})).map(drop)
    }

    /// A command of the browser's own protocol (DevTools), for what WebDriver has no word.
    ///
    /// # Errors
    /// When the browser refuses it.
    pub fn devtools(&self, command: &str, parameters: &Value) -> Result<Value> {
        self.post("/goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    /// What the browser complained of since the last time: refused content, broken links.
    ///
    /// # Errors
    /// When the browser is gone.
    pub fn complaints(&self) -> Result<Vec<String>> {
        let log = self.post("/se/log", &json!({"type": "browser"}))?;
        let lines = log.as_array().context("a list of messages")?;
        Ok(lines.iter().map(|line| line["message"].to_string()).collect())
    }

    /// Events of the browser's network since the last time, each as its JSON.
    ///
    /// # Errors
    /// When the browser is gone.
    pub fn events(&self) -> Result<Vec<Value>> {
        let log = self.post("/se/log", &json!({"type": "performance"}))?;
        let lines = log.as_array().context("a list of events")?;
        let messages = lines.iter().filter_map(|line| line["message"].as_str());
        Ok(messages.filter_map(|m| serde_json::from_str(m).ok()).collect())
    }

    /// Keeps a picture of the whole page.
    ///
    /// # Errors
    /// When it cannot be taken or written.
    pub fn screenshot(&self, file: &Path) -> Result<()> {
        let picture =
            self.devtools("Page.captureScreenshot", &json!({"captureBeyondViewport": true}))?;
        let data = picture["data"].as_str().context("a picture")?;
        let bytes = base64::engine::general_purpose::STANDARD.decode(data)?;
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        Ok(std::fs::write(file, bytes)?)
    }

    fn get(&self, path: &str) -> Result<Value> {
        self.ask("GET", &format!("/session/{}{path}", self.session), &Value::Null)
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.ask("POST", &format!("/session/{}{path}", self.session), body)
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let mut request = Request::new(method, path).field("Connection", "close");
        if method == "POST" {
            request = request
                .field("Content-Type", "application/json; charset=utf-8")
                .body(body.to_string());
        }
        let response = http::exchange(&self.endpoint, &request)?;
        let mut answer: Value = serde_json::from_slice(&response.body)
            .with_context(|| format!("{method} {path}: {}", response.text()))?;
        let value = answer["value"].take();
        ensure!(
            response.status == 200,
            "{method} {path}: {} ({})",
            value["message"].as_str().unwrap_or_default().lines().next().unwrap_or_default(),
            value["error"]
        );
        Ok(value)
    }
}

impl Drop for WebDriver {
    fn drop(&mut self) {
        // Ends the browser. Without a session there is none.
        let _ = self.ask("DELETE", &format!("/session/{}", self.session), &Value::Null);
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// Where pictures are kept: `target/screenshots`.
pub fn screenshots() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"))
        .join("screenshots")
}

/// Puts an authority into the certificate store that Chromium reads in a `HOME`.
fn trust(home: &Path, ca: &Path) -> Result<()> {
    let store = home.join(".pki/nssdb");
    std::fs::create_dir_all(&store)?;
    let store = format!("sql:{}", store.display());
    let mut new = Command::new("certutil");
    tools::require(new.args(["-d", &store, "-N", "--empty-password"]), LIMIT)?;
    let mut add = Command::new("certutil");
    add.args(["-d", &store, "-A", "-n", "moonsail", "-t", "C,,", "-i"]).arg(ca);
    tools::require(&mut add, LIMIT).map(drop)
}

/// "ChromeDriver was started successfully on port 1234."
fn read_port(out: impl BufRead) -> Result<u16> {
    for line in out.lines() {
        let line = line?;
        if let Some((_, port)) = line.split_once("successfully on port ") {
            return port.trim_end_matches('.').parse().with_context(|| line.clone());
        }
    }
    bail!("chromedriver ended without naming its port")
}

fn text_of(value: Value) -> Result<String> {
    value.as_str().map(str::to_owned).with_context(|| format!("no text but {value}"))
}
