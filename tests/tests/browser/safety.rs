//! What must not work in a browser (threats §4, §5).

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};

use anyhow::{Result, ensure};
use e2e::Server;
use e2e::webdriver::{Options, WebDriver};
use serde_json::json;

use crate::house::{APP, House, PASSWORD};

/// The browser really checks: without the right authority it shows no page of ours.
pub(crate) fn certificate() -> Result<()> {
    let config = "[server]\nadmin_listen = \"\"\n";
    let (one, other) = (Server::start_with(config, &[])?, Server::start_with(config, &[])?);
    let browser = WebDriver::start(&one.ca(), Options::default())?;
    // The browser's own warning takes the place of the page.
    let opened = browser.open(&other.https().base());
    let text = browser.text()?;
    ensure!(text.contains("ERR_CERT_AUTHORITY_INVALID"), "{opened:?}, {text}");
    browser.open(&one.https().base())?;
    browser.wait_for_heading("Your files, in sync")?;
    drop(browser);
    one.finish()?;
    other.finish()
}

/// The pages that log in and grant are shown in no frame, of whatever site.
pub(crate) fn frames() -> Result<()> {
    let house = House::new(Options::default())?;
    let browser = &house.browser;
    let flow = house.begin(APP)?;
    browser.open(&flow.login)?;
    house.log_in("alice", PASSWORD)?;
    browser.wait_for_heading("Connect this app?")?;
    let page = browser.url()?;
    browser.complaints()?;
    let stranger = Stranger::start()?;
    for place in [page.as_str(), &house.url("/login"), &house.url("/logout")] {
        browser.open(&stranger.page(&format!("<iframe src='{place}'></iframe>")))?;
        browser.into_frame(Some(0))?;
        let text = browser.text()?;
        let shown = browser.script("return document.querySelector('h1,form')?.innerText", &[])?;
        browser.into_frame(None)?;
        ensure!(!text.contains("Moonsail") && !text.contains("alice"), "in a frame: {text}");
        ensure!(shown.is_null() || !text.contains("Log"), "in a frame: {text}");
        let complaints = browser.complaints()?.join("\n");
        let refused = complaints.contains("frame-ancestors") || complaints.contains("X-Frame-Opt");
        ensure!(refused, "{place} in a frame: {complaints}");
    }
    // The same trick does work with a page that allows it.
    let inner = stranger.page("<h1>Moonsail</h1>");
    browser.open(&stranger.page(&format!("<iframe src='{inner}'></iframe>")))?;
    browser.into_frame(Some(0))?;
    ensure!(browser.text()? == "Moonsail", "no frame shows anything here");
    house.finish()
}

/// A login leads to no other site.
pub(crate) fn foreign_targets() -> Result<()> {
    let house = House::new(Options::default())?;
    let browser = &house.browser;
    for target in [
        "https%3A%2F%2Fevil.test%2F",
        "%2F%2Fevil.test%2F",
        "%2F%5Cevil.test%2F",
        "%5C%5Cevil.test",
        "%2F%09%2Fevil.test",
        "%2F..%2F%2Fevil.test",
        "javascript%3Aalert(1)",
    ] {
        browser.open(&house.url(&format!("/login?redirect_url={target}")))?;
        house.log_in("alice", PASSWORD)?;
        browser.wait_for_heading("Your files, in sync")?;
        ensure!(browser.url()? == house.url("/"), "{target} leads to {}", browser.url()?);
        browser.devtools("Network.clearBrowserCookies", &json!({}))?;
    }
    // A path of ours is followed.
    browser.open(&house.url("/login?redirect_url=%2Flogout"))?;
    house.log_in("alice", PASSWORD)?;
    browser.wait_for_heading("Log out?")?;
    house.browser_is_content(&[])?;
    house.finish()
}

/// Another site: it shows the page that its address holds. Browsers let only sites on the same
/// machine frame one on this machine, so it is a server.
struct Stranger {
    port: u16,
}

impl Stranger {
    fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        // It serves until the program ends.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || serve(stream));
            }
        });
        Ok(Self { port })
    }

    fn page(&self, html: &str) -> String {
        let coded: String = html.bytes().map(|byte| format!("{byte:02x}")).collect();
        format!("http://127.0.0.1:{}/{coded}", self.port)
    }
}

fn serve(stream: TcpStream) -> std::io::Result<()> {
    let mut lines = BufReader::new(&stream).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let coded = first.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
    let digits = coded.as_bytes().chunks(2).map(|two| str::from_utf8(two).unwrap_or_default());
    let html: Vec<u8> = digits.map_while(|two| u8::from_str_radix(two, 16).ok()).collect();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n";
    (&stream).write_all(format!("{head}Content-Length: {}\r\n\r\n", html.len()).as_bytes())?;
    (&stream).write_all(&html)
}
