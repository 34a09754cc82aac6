//! What every [`Authenticator`](crate::auth::Authenticator) must do.

use super::{passes, report};
use crate::BoxFuture;
use crate::auth::{Auth, Call, DynAuthenticator};
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
];

async fn ask(auth: &dyn DynAuthenticator, login: &str, password: &str) -> Auth {
    let call = Call { request_id: "conformance".into(), remote_ip: None };
    let answer = auth.check_password(&call, login, &Secret::new(password)).await;
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
