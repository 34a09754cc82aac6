//! What every [`Authenticator`](crate::auth::Authenticator) must do.

use super::{passes, report};
use crate::BoxFuture;
use crate::auth::{Account, Auth, Call, DynAuthenticator, Identity, PasswordChange};
use crate::secret::Secret;

/// An account that the provider under test knows.
#[derive(Debug, Clone)]
pub struct Known {
    /// Its login, which must contain a letter.
    pub login: String,
    /// Its password, of two bytes or more.
    pub password: String,
}

type Case = for<'a> fn(&'a dyn DynAuthenticator, &'a Known) -> BoxFuture<'a, ()>;

const CASES: &[(&str, Case)] = &[
    ("the right password is ok", |auth, known| {
        Box::pin(async {
            let Auth::Ok(identity) = ask(auth, &known.login, &known.password).await else {
                panic!("not ok");
            };
            assert!(!identity.subject.is_empty(), "the account is keyed by the subject");
            assert_eq!(identity.login, known.login);
        })
    }),
    ("the same account has the same subject each time", |auth, known| {
        Box::pin(async {
            let first = ask(auth, &known.login, &known.password).await;
            assert_eq!(first, ask(auth, &known.login, &known.password).await);
        })
    }),
    ("a wrong password is denied", |auth, known| {
        Box::pin(async {
            let password = &known.password;
            for wrong in [
                format!("{password}x"),
                format!("x{password}"),
                password[..password.len() - 1].to_owned(),
                format!("{password} "),
                format!("{password}\0"),
                "x".repeat(10_000),
            ] {
                assert_eq!(ask(auth, &known.login, &wrong).await, Auth::Denied, "{wrong:?}");
            }
        })
    }),
    ("an empty password is denied", |auth, known| {
        Box::pin(async { assert_eq!(ask(auth, &known.login, "").await, Auth::Denied) })
    }),
    ("an unknown login is left to the next provider", |auth, known| {
        Box::pin(async {
            let login = format!("{}-nobody", known.login);
            assert_eq!(ask(auth, &login, &known.password).await, Auth::Next);
            assert_eq!(ask(auth, &login, "").await, Auth::Next);
        })
    }),
    ("a login that means something elsewhere is only a login", |auth, known| {
        Box::pin(async {
            for login in ["", ":", "*", "#", "a:b", "\n", "\0", "' or 1=1 --", "(uid=*)", "../x"] {
                assert_eq!(ask(auth, login, &known.password).await, Auth::Next, "{login:?}");
            }
            let lines = format!("{}\n{}", known.login, known.login);
            assert_eq!(ask(auth, &lines, &known.password).await, Auth::Next);
        })
    }),
    ("a very long login is answered", |auth, known| {
        Box::pin(async {
            let login = "a".repeat(100_000);
            assert_eq!(ask(auth, &login, &known.password).await, Auth::Next);
        })
    }),
    ("what is offered stays the same", |auth, _| {
        Box::pin(async { assert_eq!(auth.abilities(), auth.abilities()) })
    }),
    ("a token of nobody's lets nobody in", |auth, _| {
        Box::pin(async {
            if auth.abilities().tokens {
                for token in ["", "x", "a.b.c"] {
                    let got = auth.check_token(&call(), "bearer", &Secret::new(token)).await;
                    let got = got.expect("the question can be answered");
                    assert!(matches!(got, Auth::Next | Auth::Denied), "{token:?}: {got:?}");
                }
            }
        })
    }),
    ("an account is looked up as it logs in", |auth, known| {
        Box::pin(async {
            if auth.abilities().lookup {
                let expected = Some(Account { identity: login(auth, known).await, enabled: true });
                let subject = expected.as_ref().map_or("", |account| &account.identity.subject);
                assert_eq!(auth.lookup(&call(), subject).await.expect("answers"), expected);
                assert_eq!(auth.find(&call(), &known.login).await.expect("answers"), expected);
            }
        })
    }),
    ("who is not there is not found", |auth, known| {
        Box::pin(async {
            if auth.abilities().lookup {
                let subject = login(auth, known).await.subject;
                let longer = [format!("{subject}x"), format!("x{subject}"), format!("{subject} ")];
                let odd =
                    ["", "*", "\0", "\n", "' or 1=1 --", ")(uid=*", "../x"].map(str::to_owned);
                for nobody in longer.into_iter().chain(odd) {
                    let got = auth.lookup(&call(), &nobody).await.expect("answers");
                    assert_eq!(got, None, "subject {nobody:?}");
                    let got = auth.find(&call(), &format!("{nobody}-nobody")).await;
                    assert_eq!(got.expect("answers"), None, "login {nobody:?}");
                }
            }
        })
    }),
    ("a list has each account once, by pages no longer than wanted", |auth, known| {
        Box::pin(async {
            if auth.abilities().list {
                let identity = login(auth, known).await;
                for limit in [1, 3, 1000] {
                    let all = list(auth, "", limit).await;
                    let mut subjects: Vec<_> = all.iter().map(|it| &it.identity.subject).collect();
                    subjects.sort();
                    subjects.dedup();
                    assert_eq!(subjects.len(), all.len(), "pages of {limit}");
                    let same = all.iter().filter(|account| account.identity == identity).count();
                    assert_eq!(same, 1, "pages of {limit}");
                }
            }
        })
    }),
    ("a search finds parts of a login, and takes its words as they are", |auth, known| {
        Box::pin(async {
            if auth.abilities().list {
                let identity = login(auth, known).await;
                let part: String = known.login.chars().skip(1).collect();
                for text in [known.login.clone(), part, known.login.to_uppercase()] {
                    let found = list(auth, &text, 100).await;
                    let here = found.iter().any(|account| account.identity == identity);
                    assert!(here, "{text:?}: {found:?}");
                }
                for text in ["\0", "nobody-has-this", "*)(uid=*", "%_%_%"] {
                    assert_eq!(list(auth, text, 100).await, [], "{text:?}");
                }
            }
        })
    }),
    ("a new password needs the old one", |auth, known| {
        Box::pin(async {
            if auth.abilities().set_password {
                let (old, new) = (Secret::new(&*known.password), Secret::new("N3w-passw0rd-of-it"));
                let wrong = Secret::new(format!("{}x", known.password));
                let set = async |login: &str, old: &Secret, new: &Secret| {
                    auth.set_password(&call(), login, Some(old), new).await.expect("answers")
                };
                let refused = set(&known.login, &wrong, &new).await;
                assert!(matches!(refused, PasswordChange::Refused(_)), "{refused:?}");
                let nobody = format!("{}-nobody", known.login);
                assert_eq!(set(&nobody, &old, &new).await, PasswordChange::Next);
                login(auth, known).await;
                assert_eq!(set(&known.login, &old, &new).await, PasswordChange::Done);
                assert_eq!(ask(auth, &known.login, &known.password).await, Auth::Denied);
                assert_eq!(set(&known.login, &new, &old).await, PasswordChange::Done);
                login(auth, known).await;
            }
        })
    }),
    ("an explanation is a JSON object without the password", |auth, known| {
        Box::pin(async {
            if auth.abilities().explain {
                for login in [known.login.clone(), format!("{}-nobody", known.login)] {
                    let text = auth.explain(&call(), &login).await.expect("answers");
                    assert!(text.starts_with('{') && text.ends_with('}'), "{text}");
                    assert!(!text.contains(&known.password), "{text}");
                }
            }
        })
    }),
];

/// Pages of a list that are asked for before it counts as endless.
const MOST_PAGES: usize = 100_000;

async fn list(auth: &dyn DynAuthenticator, search: &str, limit: usize) -> Vec<Account> {
    let mut accounts = Vec::new();
    let mut cursor = None;
    for _ in 0..MOST_PAGES {
        let page = auth.list(&call(), search, limit, cursor.as_deref()).await.expect("a page");
        assert!(page.accounts.len() <= limit, "{} instead of {limit}", page.accounts.len());
        accounts.extend(page.accounts);
        cursor = page.next;
        if cursor.is_none() {
            return accounts;
        }
    }
    panic!("the list has no end");
}

async fn login(auth: &dyn DynAuthenticator, known: &Known) -> Identity {
    match ask(auth, &known.login, &known.password).await {
        Auth::Ok(identity) => identity,
        other => panic!("the right password: {other:?}"),
    }
}

fn call() -> Call {
    Call { request_id: "conformance".into(), remote_ip: None }
}

async fn ask(auth: &dyn DynAuthenticator, login: &str, password: &str) -> Auth {
    let answer = auth.check_password(&call(), login, &Secret::new(password)).await;
    answer.expect("the question can be answered during the suite")
}

/// Runs all cases on a provider that knows `known` and can be asked.
///
/// # Panics
/// If a case fails.
pub async fn auth_suite(auth: &dyn DynAuthenticator, known: &Known) {
    let mut failed = Vec::new();
    for (name, case) in CASES {
        if !passes(case(auth, known)).await {
            failed.push(*name);
        }
    }
    report("auth", CASES.len(), &failed);
}
