//! Guessing: floods of logins, forged addresses, right credentials meanwhile (threats §4).

use std::sync::Barrier;

use anyhow::{Context as _, Result, ensure};
use e2e::browser::Browser;
use e2e::http::{Request, Response, exchange};

use crate::house::{ALICE, BOB, FILES, House};

/// Sends `count` requests at the same time; gives the answers.
pub(crate) fn at_once(
    house: &House,
    count: usize,
    request: &(dyn Fn(usize) -> Request + Sync),
) -> Result<Vec<Response>> {
    let gate = Barrier::new(count);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..count)
            .map(|number| {
                let gate = &gate;
                scope.spawn(move || {
                    gate.wait();
                    exchange(&house.server.http(), &request(number))
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no thread panics")).collect()
    })
}

fn count(answers: &[Response], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

#[test]
fn of_a_burst_of_guesses_ten_are_looked_at() -> Result<()> {
    let house = House::start()?;
    let answers = at_once(&house, 40, &|number| {
        // The account and the address are the same for all.
        Request::new("HEAD", FILES).basic("alice", &format!("guess {number}"))
    })?;
    ensure!(count(&answers, 401) == 10, "{} were looked at", count(&answers, 401));
    ensure!(count(&answers, 429) == 30, "{} were refused", count(&answers, 429));
    for answer in answers.iter().filter(|answer| answer.status == 429) {
        let wait: u64 = answer.find_field("retry-after").context("Retry-After")?.parse()?;
        ensure!((1..=1800).contains(&wait), "wait {wait} s");
    }
    let right = Request::new("HEAD", FILES).basic("alice", ALICE);
    ensure!(exchange(&house.server.http(), &right)?.status == 429, "the right one is no exception");
    // Devices that are in stay in: from this address, for this account, while guesses go on.
    let answers = at_once(&house, 40, &|number| match number % 2 {
        0 => house.request("HEAD", FILES),
        _ => Request::new("HEAD", FILES).basic("alice", &format!("guess {number}")),
    })?;
    ensure!(count(&answers, 200) == 20, "{} app passwords got in", count(&answers, 200));
    ensure!(count(&answers, 429) == 20);
    house.finish()
}

/// Many people behind one address log in at the same time: right passwords are no guesses, however
/// many of them are being checked.
#[test]
fn an_office_logs_in_at_nine() -> Result<()> {
    let house = House::start()?;
    let password = |number| format!("the long password of user {number}");
    for number in 0..15 {
        house.server.add_user(&format!("user{number}"), &password(number))?;
    }
    let answers = at_once(&house, 15, &|number| {
        let target = format!("/remote.php/dav/files/user{number}/");
        Request::new("HEAD", &target).basic(&format!("user{number}"), &password(number))
    })?;
    ensure!(count(&answers, 200) == 15, "{} of 15 got in", count(&answers, 200));
    // One of them guesses beside the others: ten guesses are looked at, and no more.
    let answers = at_once(&house, 30, &|number| {
        Request::new("HEAD", FILES).basic(&format!("nobody{number}"), "a guess")
    })?;
    ensure!(count(&answers, 401) == 10, "{} guesses were looked at", count(&answers, 401));
    ensure!(count(&answers, 429) == 20);
    house.finish()
}

/// A mail address that somebody has cannot be taken, which tells that somebody has it: nobody goes
/// through a list of them.
#[test]
fn mail_addresses_of_others_cannot_be_tried_without_end() -> Result<()> {
    let house = House::start()?;
    let address = ["--email", "carol@example.org"];
    house.server.add_user_with("carol", "the long password of carol", &address)?;
    let set = |email: &str| {
        let fields =
            [("OCS-APIRequest", "true"), ("Content-Type", "application/x-www-form-urlencoded")];
        let body = format!("key=email&value={email}");
        house.ask("PUT", "/ocs/v2.php/cloud/users/alice", &fields, body.as_bytes())
    };
    ensure!(set("alice@example.org")?.status == 200);
    for number in 0..10 {
        ensure!(set("carol@example.org")?.status == 400, "try {number}");
    }
    let waits = set("somebody@example.org")?;
    ensure!(waits.status == 429 && waits.find_field("retry-after").is_some(), "{}", waits.status);
    ensure!(house.ask("HEAD", FILES, &[], b"")?.status == 200, "her devices go on");
    house.finish()
}

#[test]
fn an_address_has_ten_guesses_for_all_accounts_and_endpoints_together() -> Result<()> {
    let house = House::start()?;
    let targets = [
        ("HEAD", FILES),
        ("PROPFIND", "/remote.php/webdav/"),
        ("GET", "/ocs/v2.php/cloud/user"),
        ("GET", "/ocs/v1.php/core/getapppassword"),
    ];
    for number in 0..10 {
        let (method, target) = targets[number % targets.len()];
        let request = Request::new(method, target)
            .field("OCS-APIRequest", "true")
            // Nobody believes these: there is no trusted proxy.
            .field("X-Forwarded-For", &format!("192.0.2.{number}"))
            .field("Forwarded", &format!("for=192.0.2.{number}"))
            .field("X-Real-IP", &format!("192.0.2.{number}"))
            .field("X-Client-IP", &format!("192.0.2.{number}"))
            .field("True-Client-IP", &format!("192.0.2.{number}"))
            .basic(&format!("user{number}"), "guess");
        let answer = house.anybody(&request)?;
        ensure!(answer.status == 401, "guess {number}: {}", answer.status);
    }
    for (method, target) in targets {
        let request = Request::new(method, target)
            .field("OCS-APIRequest", "true")
            .field("X-Forwarded-For", "198.51.100.1")
            .basic("bob", BOB);
        let answer = house.anybody(&request)?;
        ensure!(answer.status == 429, "{method} {target}: {}", answer.status);
        ensure!(answer.find_field("retry-after").is_some(), "{method} {target}");
    }
    // The form is the same door.
    let mut browser = Browser::new(house.server.http());
    browser.open("/login")?;
    let mut form = browser.require_form(|form| form.has("password"))?;
    form.fill("user", "bob")?;
    form.fill("password", BOB)?;
    browser.submit(&form)?;
    ensure!(browser.status == 429, "the form: {}", browser.status);
    house.finish()
}

#[test]
fn poll_tokens_cannot_be_guessed() -> Result<()> {
    let house = House::start()?;
    let poll = |token: &str| {
        let request =
            Request::new("POST", "/index.php/login/v2/poll").body(format!("token={token}"));
        house.anybody(&request)
    };
    let started = house.anybody(&Request::new("POST", "/index.php/login/v2"))?;
    let started: serde_json::Value = serde_json::from_slice(&started.body)?;
    let token = started["poll"]["token"].as_str().context("a token")?.to_owned();
    for number in 0..10 {
        ensure!(poll(&format!("guess{number}"))?.status == 404, "guess {number}");
    }
    let answer = poll("another")?;
    ensure!(
        answer.status == 429 && answer.find_field("retry-after").is_some(),
        "no end of guesses"
    );
    // The app that waits goes on asking.
    for _ in 0..30 {
        ensure!(poll(&token)?.status == 404, "the flow's own poll");
    }
    house.finish()
}

#[test]
fn passwords_beyond_measure_and_nonsense_cost_no_hash() -> Result<()> {
    let house = House::start()?;
    let huge = "x".repeat(5000);
    for (field, status, what) in [
        (format!("Basic {}", "A".repeat(9000)), 400, "a field of 9,000 letters"),
        ("Basic ***".to_owned(), 400, "no base64"),
        ("Basic".to_owned(), 400, "nothing behind it"),
        ("Basic YWxpY2U=".to_owned(), 400, "no colon"),
        ("Digest username=\"alice\"".to_owned(), 401, "another scheme"),
        ("Negotiate abc".to_owned(), 401, "another scheme"),
        ("Bearer ".to_owned(), 401, "an empty token"),
    ] {
        let request = Request::new("HEAD", FILES).field("Authorization", &field);
        let answer = house.anybody(&request)?;
        let good = answer.status == status || (status == 401 && answer.status == 400);
        ensure!(good, "{what}: {}", answer.status);
    }
    let answer = house.anybody(&Request::new("HEAD", FILES).basic("alice", &huge))?;
    ensure!(answer.status == 400, "5,000 bytes: {}", answer.status);
    let answer = house.anybody(&Request::new("HEAD", FILES).basic("", ""))?;
    ensure!(matches!(answer.status, 400 | 401), "nothing: {}", answer.status);
    let answer = house.anybody(&Request::new("HEAD", FILES).basic("alice", ""))?;
    ensure!(answer.status == 401, "an empty password: {}", answer.status);
    // None of this was a guess.
    ensure!(house.anybody(&Request::new("HEAD", FILES).basic("alice", ALICE))?.status == 200);
    house.finish()
}

/// Who cannot get in learns nothing of who exists.
#[test]
fn wrong_passwords_and_unknown_users_look_alike() -> Result<()> {
    let house = House::start()?;
    for (method, target) in [("PROPFIND", FILES), ("GET", "/ocs/v2.php/cloud/user")] {
        let ask = |login: &str| -> Result<String> {
            let request = Request::new(method, target)
                .field("OCS-APIRequest", "true")
                .basic(login, "not the password");
            let answer = house.anybody(&request)?;
            let fields: Vec<_> = answer
                .fields
                .iter()
                .filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()))
                .collect();
            Ok(format!("{} {fields:?} {}", answer.status, answer.text()))
        };
        ensure!(ask("alice")? == ask("nobody")?, "{method} {target}");
    }
    let form = |user: &str| -> Result<String> {
        let mut browser = Browser::new(house.server.http());
        browser.open("/login")?;
        let mut form = browser.require_form(|form| form.has("password"))?;
        let token = form.inputs.iter().find(|(name, _)| name == "requesttoken").context("token")?;
        let token = token.1.clone();
        form.fill("user", user)?;
        form.fill("password", "not the password")?;
        browser.submit(&form)?;
        let page = browser.page.replace(&token, "TOKEN").replace(user, "USER");
        Ok(format!("{} {page}", browser.status))
    };
    ensure!(form("alice")? == form("nobody")?, "the form tells them apart");
    house.finish()
}
