//! A hook that refuses is read by people: in the login form, and where an app is connected.

use std::sync::Arc;

use moonsail::hooks::{Call, Decision, Event, ExtensionError, HookSource, Hooks, Interest};

use crate::flows::{GRANT, allow, poll, start};
use crate::house::{Browser, House, PASSWORD};

/// Refuses one event.
struct Refuses(&'static str);

impl Hooks for Refuses {
    fn interest(&self) -> Vec<Interest> {
        vec![Interest::new(self.0)]
    }

    async fn before(&self, _: &Call, event: &Event) -> Result<Decision, ExtensionError> {
        assert_eq!(event.fields.text("user"), Some("alice"));
        Ok(Decision::deny("Ask the <helpdesk>"))
    }
}

fn refuse(house: &House, event: &'static str) {
    let hooks = Arc::new(Refuses(event));
    let source = HookSource { name: "test".to_owned(), hooks, on_error: None, shadow: false };
    house.bus.replace(&[source]).expect("an event that there is");
}

#[tokio::test]
async fn a_refused_login_shows_its_reason_in_the_form() {
    let house = House::new().await;
    refuse(&house, "login.success");
    let mut browser = Browser::new(&house);
    let form = browser.log_in("/index.php/login", "alice", PASSWORD).await;
    assert_eq!(form.status, 403);
    assert!(form.body.contains("Ask the &lt;helpdesk&gt;"), "{}", form.body);
    let mut cookies = form.headers.get_all("set-cookie").iter();
    assert!(cookies.all(|cookie| !format!("{cookie:?}").contains("moonsail_session=")));
    house.bus.replace(&[]).expect("no hooks");
    assert_eq!(browser.log_in("/index.php/login", "alice", PASSWORD).await.status, 303);
}

#[tokio::test]
async fn an_app_that_may_not_be_connected_gets_no_password() {
    let house = House::new().await;
    let (token, url) = start(&house).await;
    let mut browser = Browser::new(&house);
    let page = browser.get(&url).await.field("location").to_owned();
    browser.log_in(&page, "alice", PASSWORD).await;
    let question = browser.get(&page).await;
    refuse(&house, "apppassword.create");
    let refused = allow(&mut browser, &question, GRANT).await;
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("Ask the &lt;helpdesk&gt;"), "{}", refused.body);
    assert_eq!(poll(&house, &token).await.status, 404, "nothing was granted");
    house.bus.replace(&[]).expect("no hooks");
    assert_eq!(allow(&mut browser, &question, GRANT).await.status, 200);
    assert_eq!(poll(&house, &token).await.status, 200);
}
