//! Every route of the API, in one table.

use http::Method;
use percent_encoding::percent_decode_str;

use super::error::OcsError;

/// What a route does. The file of the same matter does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Capabilities,
    Config,
    CheckPerson,
    WhatsNew,
    NavigationApps,
    DirectEditing,
    ExchangePassword,
    ExchangeOneTime,
    RotateAppPassword,
    RevokeAppPassword,
    OwnRecord,
    OwnFields,
    FieldsOfUser,
    ReadUser,
    EditUser,
    ListUsers,
    UserDetails,
    CreateUser,
    DeleteUser,
    EnableUser,
    DisableUser,
    GroupsOfUser,
    JoinGroup,
    LeaveGroup,
    SubAdminOf,
    ListGroups,
    CreateGroup,
    MembersOfGroup,
    DeleteGroup,
}

impl Action {
    /// Whether its GET, which the protocol wants to be one, makes or spends a secret: a HEAD would
    /// throw it away.
    fn makes_secrets(self) -> bool {
        matches!(self, Self::ExchangePassword | Self::ExchangeOneTime)
    }
}

/// What a route needs before its resource is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// Nobody's login is looked at.
    Nothing,
    /// Everybody is let in, but wrong credentials are refused.
    LoginIfGiven,
    /// Any login.
    Login,
    /// A login that is not bound to one folder and, to change something, not to reading.
    WholeAccount,
    /// The same, of an administrator.
    Admin,
}

/// A path, in which `*` stands for one segment, and its methods.
struct Route(&'static str, &'static [(&'static str, Action, Needs)]);

/// Of two paths that fit, the earlier one wins.
const ROUTES: &[Route] = &[
    Route("cloud/capabilities", &[("GET", Action::Capabilities, Needs::LoginIfGiven)]),
    Route("config", &[("GET", Action::Config, Needs::Nothing)]),
    Route("person/check", &[("POST", Action::CheckPerson, Needs::Nothing)]),
    Route("core/whatsnew", &[("GET", Action::WhatsNew, Needs::Login)]),
    Route("core/navigation/apps", &[("GET", Action::NavigationApps, Needs::Login)]),
    Route("apps/files/api/v1/directEditing", &[("GET", Action::DirectEditing, Needs::Login)]),
    Route("core/getapppassword", &[("GET", Action::ExchangePassword, Needs::Login)]),
    Route("core/getapppassword-onetime", &[("GET", Action::ExchangeOneTime, Needs::Nothing)]),
    Route("core/apppassword", &[("DELETE", Action::RevokeAppPassword, Needs::Login)]),
    Route("core/apppassword/rotate", &[("POST", Action::RotateAppPassword, Needs::Login)]),
    Route("cloud/user", &[("GET", Action::OwnRecord, Needs::Login)]),
    Route("cloud/user/fields", &[("GET", Action::OwnFields, Needs::Login)]),
    Route("cloud/user/fields/*", &[("GET", Action::FieldsOfUser, Needs::WholeAccount)]),
    Route(
        "cloud/users",
        &[("GET", Action::ListUsers, Needs::Admin), ("POST", Action::CreateUser, Needs::Admin)],
    ),
    Route("cloud/users/details", &[("GET", Action::UserDetails, Needs::Admin)]),
    Route(
        "cloud/users/*",
        &[
            ("GET", Action::ReadUser, Needs::Login),
            ("PUT", Action::EditUser, Needs::WholeAccount),
            ("DELETE", Action::DeleteUser, Needs::Admin),
        ],
    ),
    Route("cloud/users/*/enable", &[("PUT", Action::EnableUser, Needs::Admin)]),
    Route("cloud/users/*/disable", &[("PUT", Action::DisableUser, Needs::Admin)]),
    Route(
        "cloud/users/*/groups",
        &[
            ("GET", Action::GroupsOfUser, Needs::WholeAccount),
            ("POST", Action::JoinGroup, Needs::Admin),
            ("DELETE", Action::LeaveGroup, Needs::Admin),
        ],
    ),
    Route("cloud/users/*/subadmins", &[("GET", Action::SubAdminOf, Needs::Admin)]),
    Route(
        "cloud/groups",
        &[("GET", Action::ListGroups, Needs::Admin), ("POST", Action::CreateGroup, Needs::Admin)],
    ),
    Route(
        "cloud/groups/*",
        &[
            ("GET", Action::MembersOfGroup, Needs::Admin),
            ("DELETE", Action::DeleteGroup, Needs::Admin),
        ],
    ),
    Route("cloud/groups/*/users", &[("GET", Action::MembersOfGroup, Needs::Admin)]),
];

/// A route that fits a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) action: Action,
    pub(super) needs: Needs,
    /// The segment at `*`, decoded; empty if the route has none.
    pub(super) subject: String,
}

/// Finds the route of a path below `/ocs/v2.php/`, still percent-encoded.
///
/// # Errors
/// [`OcsError::UnknownRoute`], [`OcsError::WrongMethod`].
pub(super) fn find_route(path: &str, method: &Method) -> Result<Found, OcsError> {
    let fits = |Route(pattern, methods): &Route| Some((subject_of(pattern, path)?, *methods));
    let (subject, methods) = ROUTES.iter().find_map(fits).ok_or(OcsError::UnknownRoute)?;
    let head = *method == Method::HEAD;
    let name = if head { "GET" } else { method.as_str() };
    let fits = |action: Action| !head || !action.makes_secrets();
    match methods.iter().find(|(known, action, _)| *known == name && fits(*action)) {
        Some(&(_, action, needs)) => Ok(Found { action, needs, subject }),
        None => Err(OcsError::WrongMethod(names_of(methods))),
    }
}

/// The methods of a route for `Allow`; what can be got can be asked for its head.
fn names_of(methods: &[(&'static str, Action, Needs)]) -> Vec<&'static str> {
    let mut names = Vec::new();
    for (name, action, _) in methods {
        names.push(*name);
        if *name == "GET" && !action.makes_secrets() {
            names.push("HEAD");
        }
    }
    names
}

/// The segment at `*` if the path fits; segments are split before they are decoded, so an encoded
/// slash is part of a name.
fn subject_of(pattern: &str, path: &str) -> Option<String> {
    let mut subject = String::new();
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(subject),
            (Some("*"), Some(segment)) if !segment.is_empty() => {
                subject = percent_decode_str(segment).decode_utf8().ok()?.into_owned();
            }
            (Some(wanted), Some(given)) if wanted == given => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_spends_a_secret_has_no_head() {
        for path in ["core/getapppassword", "core/getapppassword-onetime"] {
            match find_route(path, &Method::HEAD) {
                Err(OcsError::WrongMethod(allowed)) => assert_eq!(allowed, ["GET"], "{path}"),
                other => panic!("{path}: {other:?}"),
            }
        }
    }

    #[test]
    fn paths_find_their_routes() {
        for (method, path, expected) in [
            ("GET", "cloud/capabilities", Some((Action::Capabilities, ""))),
            ("HEAD", "cloud/capabilities", Some((Action::Capabilities, ""))),
            ("GET", "cloud/users/details", Some((Action::UserDetails, ""))),
            ("GET", "cloud/users/a%40b.org", Some((Action::ReadUser, "a@b.org"))),
            ("PUT", "cloud/users/bob/enable", Some((Action::EnableUser, "bob"))),
            ("GET", "cloud/groups/a%2Fb/users", Some((Action::MembersOfGroup, "a/b"))),
            ("GET", "cloud/groups/a/b/users", None),
            ("GET", "cloud/users/", None),
            ("GET", "cloud/users/%ff", None),
            ("GET", "cloud/capabilities/", None),
            ("GET", "cloud", None),
            ("GET", "", None),
            ("GET", "apps/terms_of_service/terms", None),
            ("GET", "nothing/here", None),
        ] {
            let found = find_route(path, &method.parse().expect("a method"));
            match (found, expected) {
                (Ok(found), Some((action, subject))) => {
                    assert_eq!((found.action, found.subject.as_str()), (action, subject), "{path}");
                }
                (Err(OcsError::UnknownRoute), None) => {}
                (found, _) => panic!("{method} {path}: {found:?}"),
            }
        }
    }

    #[test]
    fn a_known_path_with_another_method_names_those_it_has() {
        let Err(OcsError::WrongMethod(allowed)) = find_route("cloud/users/x", &Method::POST) else {
            panic!("refused");
        };
        assert_eq!(allowed, ["GET", "HEAD", "PUT", "DELETE"]);
    }

    /// Whatever changes something asks for more than any login, but for one's own app password.
    #[test]
    fn routes_that_change_something_are_guarded() {
        for Route(path, methods) in ROUTES {
            for (method, action, needs) in *methods {
                let own = matches!(action, Action::RotateAppPassword | Action::RevokeAppPassword);
                let open = own || *method == "GET" || *action == Action::CheckPerson;
                let guarded = matches!(needs, Needs::WholeAccount | Needs::Admin);
                assert!(open || guarded, "{method} {path}");
            }
        }
    }
}
