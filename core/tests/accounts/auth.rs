//! `threats.md` §4: who is let in, throttling, sessions and CSRF.

use std::time::Duration;

use futures_util::future::join_all;
use moonsail::auth::{Access, AuthError, By, Caller, UserChange};
use moonsail_sdk::secret::Secret;

use crate::house::{Browser, ELSEWHERE, HOME, House, PASSWORD, asking, basic, request};

fn bad<T>() -> Result<T, AuthError> {
    Err(AuthError::BadCredentials)
}

#[tokio::test]
async fn basic_takes_the_password_with_any_name_of_the_account() {
    let house = House::new().await;
    for (login, password, expected) in [
        ("alice", PASSWORD, Ok("alice")),
        ("ALICE", PASSWORD, Ok("alice")),
        ("alice@example.org", PASSWORD, Ok("alice")),
        ("Alice@Example.org", PASSWORD, Ok("alice")),
        ("alice", "wrong", bad()),
        ("bob", PASSWORD, bad()),
        ("nobody", PASSWORD, bad()),
        ("alice", "", bad()),
        ("", PASSWORD, bad()),
        ("", "", bad()),
        ("alice' OR '1'='1", "x", bad()),
    ] {
        let got = house.auth.authenticate(&asking(&basic(login, password), HOME)).await;
        let got = got.map(|principal| principal.expect("credentials were sent"));
        let uid = got.as_ref().map(|principal| principal.uid.as_str()).map_err(Clone::clone);
        assert_eq!(uid, expected, "{login:?}");
        if let Ok(principal) = got {
            assert_eq!((principal.access, principal.login.as_str()), (Access::Password, login));
            assert!(principal.admin);
        }
    }
    assert_eq!(house.auth.authenticate(&request("GET", "/", &[], "")).await, Ok(None));
    let digest = house.auth.authenticate(&asking("Digest username=\"alice\"", HOME)).await;
    assert_eq!(digest, bad());
    let long = house.auth.authenticate(&asking(&basic("alice", &"x".repeat(4097)), HOME)).await;
    assert_eq!(long, Err(AuthError::TooLong));
}

#[tokio::test]
async fn ten_failures_in_half_an_hour_make_the_next_wait() {
    let house = House::new().await;
    let token = crate::tokens::token(&house, "alice").await;
    for number in 0..10 {
        let wrong = basic("alice", &format!("wrong-{number}"));
        assert_eq!(house.auth.authenticate(&asking(&wrong, HOME)).await, bad());
        house.wait(60);
    }
    let right = basic("alice", PASSWORD);
    let Err(AuthError::Throttled { retry_after }) =
        house.auth.authenticate(&asking(&right, HOME)).await
    else {
        panic!("the eleventh try waits, right or wrong");
    };
    assert_eq!(retry_after, Duration::from_secs(20 * 60));
    // The account, from another address, and the address, for another account.
    let elsewhere = house.auth.authenticate(&asking(&right, ELSEWHERE)).await;
    assert!(matches!(elsewhere, Err(AuthError::Throttled { .. })), "{elsewhere:?}");
    let bob = house.auth.authenticate(&asking(&basic("bob", "B0b-passw0rd"), HOME)).await;
    assert!(matches!(bob, Err(AuthError::Throttled { .. })), "{bob:?}");
    // By all its names alike.
    let by_mail = basic("alice@example.org", PASSWORD);
    let by_mail = house.auth.authenticate(&asking(&by_mail, ELSEWHERE)).await;
    assert!(matches!(by_mail, Err(AuthError::Throttled { .. })), "{by_mail:?}");
    // Tokens from there go on working, and another account from another address.
    assert!(house.auth.authenticate(&asking(&basic("alice", &token), HOME)).await.is_ok());
    let bob = house.auth.authenticate(&asking(&basic("bob", "B0b-passw0rd"), ELSEWHERE)).await;
    assert!(bob.is_ok(), "{bob:?}");
    house.wait(20 * 60);
    assert!(house.auth.authenticate(&asking(&right, HOME)).await.is_ok());
}

#[tokio::test]
async fn a_burst_counts_before_it_is_checked() {
    let house = House::new().await;
    let guesses: Vec<_> =
        (0..40).map(|number| asking(&basic("alice", &format!("guess-{number}")), HOME)).collect();
    let answers = join_all(guesses.iter().map(|guess| house.auth.authenticate(guess))).await;
    let checked = answers.iter().filter(|answer| **answer == bad()).count();
    assert_eq!(checked, 10, "{answers:?}");
}

#[tokio::test]
async fn many_connections_with_the_right_password_all_get_in() {
    let house = House::new().await;
    let same: Vec<_> = (0..40).map(|_| asking(&basic("alice", PASSWORD), HOME)).collect();
    let answers = join_all(same.iter().map(|request| house.auth.authenticate(request))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

#[tokio::test]
async fn who_is_in_stays_in_while_the_account_is_attacked_from_elsewhere() {
    let house = House::new().await;
    let right = basic("alice", PASSWORD);
    assert!(house.auth.authenticate(&asking(&right, HOME)).await.is_ok());
    for number in 0..10 {
        let wrong = basic("alice", &format!("wrong-{number}"));
        let _counted = house.auth.authenticate(&asking(&wrong, ELSEWHERE)).await;
    }
    assert!(house.auth.authenticate(&asking(&right, HOME)).await.is_ok(), "known from there");
    let guess = house.auth.authenticate(&asking(&right, ELSEWHERE)).await;
    assert!(matches!(guess, Err(AuthError::Throttled { .. })), "the attacker learns nothing");
    house.wait(5 * 60);
    let later = house.auth.authenticate(&asking(&right, HOME)).await;
    assert!(matches!(later, Err(AuthError::Throttled { .. })), "five minutes are over");
}

#[tokio::test]
async fn a_browser_that_has_logged_in_is_not_kept_out_by_guesses_from_elsewhere() {
    let house = House::new().await;
    let alice = house.auth.find_user("alice").await.expect("reads").expect("exists").uid;
    for number in 0..10 {
        let wrong = basic("alice", &format!("wrong-{number}"));
        let _counted = house.auth.authenticate(&asking(&wrong, ELSEWHERE)).await;
    }
    let caller = |device| Caller {
        ip: HOME.parse().expect("an address"),
        request_id: "test".to_owned(),
        device,
        client: "other",
    };
    let password = Secret::new(PASSWORD);
    let login = |device: Option<String>| {
        let caller = caller(device);
        let (house, password) = (&house, &password);
        async move { house.auth.login(&caller, "alice", password).await }
    };
    assert!(matches!(login(None).await, Err(AuthError::Throttled { .. })));
    assert!(matches!(login(Some("made.up".to_owned())).await, Err(AuthError::Throttled { .. })));
    assert!(login(Some(house.auth.device_mark(&alice))).await.is_ok());
}

#[tokio::test]
async fn a_new_password_ends_the_old_one_and_the_sessions_but_no_app() {
    let house = House::new().await;
    let token = crate::tokens::token(&house, "alice").await;
    let mut browser = Browser::new(&house);
    browser.log_in("/index.php/login", "alice", PASSWORD).await;
    let old = asking(&basic("alice", PASSWORD), HOME);
    assert!(house.auth.authenticate(&old).await.is_ok());
    let get = browser.request("GET", "/", "");
    assert!(house.auth.authenticate(&get).await.expect("reads").is_some());

    house
        .auth
        .set_password(&By::console(), "ALICE", &Secret::new("another-one"))
        .await
        .expect("is set");
    assert_eq!(house.auth.authenticate(&old).await, bad());
    assert_eq!(house.auth.authenticate(&get).await, Ok(None));
    assert!(house.auth.authenticate(&asking(&basic("alice", "another-one"), HOME)).await.is_ok());
    assert!(house.auth.authenticate(&asking(&basic("alice", &token), HOME)).await.is_ok());
}

#[tokio::test]
async fn a_disabled_account_is_out_at_the_next_request() {
    let house = House::new().await;
    let token = crate::tokens::token(&house, "bob").await;
    let mut browser = Browser::new(&house);
    browser.log_in("/index.php/login", "bob", "B0b-passw0rd").await;
    let by_session = browser.request("GET", "/", "");
    let by_token = asking(&basic("bob", &token), HOME);
    let by_password = asking(&basic("bob", "B0b-passw0rd"), HOME);
    for request in [&by_session, &by_token, &by_password] {
        assert!(house.auth.authenticate(request).await.expect("is let in").is_some());
    }
    house
        .auth
        .change_user(&By::console(), "bob", UserChange::Enabled(false))
        .await
        .expect("is changed");
    assert_eq!(house.auth.authenticate(&by_token).await, Err(AuthError::Disabled));
    assert_eq!(house.auth.authenticate(&by_password).await, Err(AuthError::Disabled));
    assert_eq!(house.auth.authenticate(&by_session).await, Ok(None));
    // Only who knows the password is told.
    let wrong = house.auth.authenticate(&asking(&basic("bob", "wrong"), HOME)).await;
    assert_eq!(wrong, bad());
    house
        .auth
        .change_user(&By::console(), "bob", UserChange::Enabled(true))
        .await
        .expect("is changed");
    assert!(house.auth.authenticate(&by_token).await.is_ok());
    assert_eq!(house.auth.authenticate(&by_session).await, Ok(None), "its sessions are gone");
}

#[tokio::test]
async fn sessions_end_when_idle_and_when_old() {
    let house = House::new().await;
    let mut browser = Browser::new(&house);
    browser.log_in("/index.php/login", "alice", PASSWORD).await;
    let get = browser.request("GET", "/", "");
    const MINUTE: u64 = 60;
    // Used each 50 minutes it lives for a day, the longest there is.
    for _ in 0..28 {
        house.wait(50 * MINUTE);
        assert!(house.auth.authenticate(&get).await.expect("reads").is_some());
        house.auth.tidy().await.expect("tidies");
    }
    house.wait(40 * MINUTE);
    assert_eq!(house.auth.authenticate(&get).await, Ok(None), "a day is over");

    browser.log_in("/index.php/login", "alice", PASSWORD).await;
    let get = browser.request("GET", "/", "");
    house.wait(60 * MINUTE);
    assert_eq!(house.auth.authenticate(&get).await, Ok(None), "an hour without a request");
}

#[tokio::test]
async fn a_login_makes_a_new_session_and_ends_the_old_one() {
    let house = House::new().await;
    let mut browser = Browser::new(&house);
    browser.log_in("/index.php/login", "alice", PASSWORD).await;
    let first = browser.request("GET", "/", "");
    let alice = house.auth.session(&first).await.expect("reads").expect("a session");
    let cookie = house.auth.open_session(&first, &alice).await.expect("opens");
    assert!(cookie.starts_with("moonsail_session="), "{cookie}");
    assert_eq!(house.auth.authenticate(&first).await, Ok(None));
    let cookie = cookie.split(';').next().expect("a pair");
    let second = request("GET", "/", &[("cookie", cookie)], "");
    assert!(house.auth.authenticate(&second).await.expect("reads").is_some());
}

#[tokio::test]
async fn a_cookie_alone_changes_nothing() {
    let house = House::new().await;
    let mut browser = Browser::new(&house);
    browser.log_in("/index.php/login", "alice", PASSWORD).await;
    let session = house.auth.session(&browser.request("GET", "/", "")).await;
    let Some(Access::Session { csrf, .. }) = session.expect("reads").map(|who| who.access) else {
        panic!("a session");
    };
    for (method, field, expected) in [
        ("GET", None, true),
        ("PUT", None, false),
        ("DELETE", Some(("requesttoken", csrf.as_str())), true),
        ("DELETE", Some(("requesttoken", "wrong")), false),
        ("PUT", Some(("origin", "http://cloud.test")), true),
        ("PUT", Some(("origin", "http://evil.test")), false),
        ("PROPPATCH", Some(("sec-fetch-site", "same-origin")), true),
        ("PROPPATCH", Some(("sec-fetch-site", "cross-site")), false),
    ] {
        let mut request = browser.request(method, "/", "");
        if let Some((name, value)) = field {
            request.headers.insert(name, value.parse().expect("a value"));
        }
        let got = house.auth.authenticate(&request).await;
        match expected {
            true => assert!(matches!(&got, Ok(Some(_))), "{method} {field:?} {got:?}"),
            false => assert_eq!(got, Err(AuthError::CsrfFailed), "{method} {field:?}"),
        }
    }
    // A client that keeps cookies and sends its password means what it says.
    let mut both = browser.request("PUT", "/", "");
    both.headers.insert("authorization", basic("bob", "B0b-passw0rd").parse().expect("a value"));
    let principal = house.auth.authenticate(&both).await.expect("is let in").expect("somebody");
    assert_eq!(principal.uid.as_str(), "bob");
}
