//! Each page, as a file to look at: `target/tmp/pages/*.html`, in any browser, light and dark.

use std::fs;
use std::path::Path;

use crate::house::{Answer, Browser, House, PASSWORD};

fn keep(folder: &Path, name: &str, page: &Answer) {
    assert!(page.body.starts_with("<!DOCTYPE html>"), "{name}: {}", page.body);
    let html = page.body.replace("=\"/static/", "=\"");
    fs::write(folder.join(format!("{name}.html")), html).expect("writes");
}

#[tokio::test]
async fn every_page_is_whole_html() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
    fs::create_dir_all(&folder).expect("makes a folder");
    for path in [&*moonsail::pages::STYLESHEET_PATH, &*moonsail::pages::LOGO_PATH] {
        let name = path.rsplit('/').next().expect("a name");
        let content = match name.ends_with(".css") {
            true => moonsail::pages::STYLESHEET,
            false => moonsail::pages::LOGO,
        };
        fs::write(folder.join(name), content).expect("writes");
    }
    let house = House::new().await;
    let mut app = Browser::new(&house);
    app.fields.push(("user-agent", "Alices-MacBook-Pro.local (Desktop Client - macOS)".to_owned()));
    let login =
        app.post("/login/v2", &[]).await.json()["login"].as_str().expect("a URL").to_owned();
    let url = login.trim_start_matches("http://cloud.test");

    let mut browser = Browser::new(&house);
    keep(&folder, "landing", &browser.get("/").await);
    keep(&folder, "missing", &browser.get("/nothing").await);
    keep(&folder, "no-flow", &browser.get("/login/v2/flow").await);
    keep(&folder, "login", &browser.get("/login").await);
    browser.get(url).await;
    keep(&folder, "login-for-app", &browser.get("/login/v2/flow").await);
    keep(&folder, "login-wrong", &browser.log_in("/login/v2/flow", "alice", "wrong").await);
    browser.log_in("/login/v2/flow", "alice", PASSWORD).await;
    let question = browser.get("/login/v2/flow").await;
    keep(&folder, "grant", &question);
    keep(&folder, "landing-logged-in", &browser.get("/").await);
    keep(&folder, "logout", &browser.get("/logout").await);
    keep(&folder, "opened-before", &Browser::new(&house).get(url).await);
    house.wait(15 * 60);
    keep(&folder, "login-again", &browser.get("/login/v2/flow").await);
    browser.log_in("/login/v2/flow", "alice", PASSWORD).await;
    let question = browser.get("/login/v2/flow").await;
    let (token, state) = (question.hidden("requesttoken"), question.hidden("stateToken"));
    let form = [("requesttoken", token.as_str()), ("stateToken", &state)];
    keep(&folder, "granted", &browser.post("/login/v2/grant", &form).await);
    for number in 0..9 {
        let mut stranger = Browser::new(&house);
        stranger.log_in("/login", "alice", &format!("wrong{number}")).await;
    }
    let mut stranger = Browser::new(&house);
    stranger.log_in("/login", "alice", "wrong").await;
    keep(&folder, "login-throttled", &stranger.log_in("/login", "alice", "wrong").await);
}
