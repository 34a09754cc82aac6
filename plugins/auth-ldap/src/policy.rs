//! What a bind's result means, and what directories add to it: the password policy control
//! (draft-behera-ldap-password-policy) and the numbers that Active Directory hides in its text.

use ldap3::LdapResult;
use ldap3::controls::RawControl;

/// The control in both directions.
const POLICY: &str = "1.3.6.1.4.1.42.2.27.8.5.1";

/// What a bind says about a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    /// It is right.
    Right,
    /// It is wrong, or the account is locked after wrong ones.
    Wrong,
    /// The account may not log in.
    Disabled,
    /// It is right and must be changed first.
    Expired,
}

/// Asks the directory to say more.
pub(crate) fn request() -> RawControl {
    RawControl { ctype: POLICY.to_owned(), crit: false, val: None }
}

/// The meaning of a bind's result; `None` if it means that nobody knows.
pub(crate) fn meaning(result: &LdapResult) -> Option<Bound> {
    /// Error codes of the control.
    const PASSWORD_EXPIRED: u8 = 0;
    const CHANGE_AFTER_RESET: u8 = 2;
    let policy = result.ctrls.iter().find_map(|control| {
        let raw = &control.1;
        if raw.ctype == POLICY { error_of(raw.val.as_deref()?) } else { None }
    });
    // RFC 4511 §A.1 names the codes.
    match result.rc {
        0 if policy == Some(CHANGE_AFTER_RESET) => Some(Bound::Expired),
        0 => Some(Bound::Right),
        // invalidCredentials; slapd says so, too, if the password was right and is too old.
        49 if policy == Some(PASSWORD_EXPIRED) => Some(Bound::Expired),
        49 => Some(active_directory(&result.text)),
        // inappropriateAuthentication, insufficientAccessRights: an entry without a password.
        // constraintViolation: 389 Directory Server, after too many wrong ones.
        19 | 48 | 50 => Some(Bound::Wrong),
        // unwillingToPerform: 389 Directory Server, for an inactivated account.
        53 => Some(Bound::Disabled),
        _ => None,
    }
}

/// Active Directory answers 49 for everything: `… AcceptSecurityContext error, data 533, v3839`.
fn active_directory(text: &str) -> Bound {
    let data = text.split("data ").nth(1).and_then(|rest| rest.split(',').next());
    match data {
        // Only said to who knows the password.
        Some("530" | "531" | "533" | "701") => Bound::Disabled,
        Some("532" | "773") => Bound::Expired,
        _ => Bound::Wrong,
    }
}

/// The error in a control's value: `SEQUENCE { warning [0] …, error [1] ENUMERATED OPTIONAL }`,
/// all of it short.
fn error_of(value: &[u8]) -> Option<u8> {
    let [0x30, length, rest @ ..] = value else { return None };
    let mut rest = rest.get(..usize::from(*length))?;
    while let [tag, length, tail @ ..] = rest {
        let value = tail.get(..usize::from(*length))?;
        if *tag == 0x81 {
            return value.first().copied();
        }
        rest = tail.get(usize::from(*length)..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use ldap3::controls::Control;

    use super::*;

    #[test]
    fn results_have_their_meaning() {
        use Bound::{Disabled, Expired, Right, Wrong};
        let ad = "80090308: LdapErr: DSID-0C09042F, comment: AcceptSecurityContext error, data";
        let ad = |code: &str| format!("{ad} {code}, v3839");
        let error = |code: u8| Some(vec![0x30, 3, 0x81, 1, code]);
        for (rc, text, control, expected) in [
            (0, String::new(), None, Some(Right)),
            (0, String::new(), Some(vec![0x30, 0]), Some(Right)),
            (0, String::new(), error(2), Some(Expired)),
            // A warning (seconds until it expires) comes before the error.
            (0, String::new(), Some(vec![0x30, 5, 0xa0, 3, 0x80, 1, 9]), Some(Right)),
            (
                49,
                String::new(),
                Some(vec![0x30, 8, 0xa0, 3, 0x80, 1, 9, 0x81, 1, 0]),
                Some(Expired),
            ),
            (49, String::new(), None, Some(Wrong)),
            (49, String::new(), error(0), Some(Expired)),
            (49, String::new(), error(1), Some(Wrong)),
            (49, String::new(), Some(vec![0x30, 9, 0x81]), Some(Wrong)),
            (49, ad("52e"), None, Some(Wrong)),
            (49, ad("532"), None, Some(Expired)),
            (49, ad("773"), None, Some(Expired)),
            (49, ad("533"), None, Some(Disabled)),
            (49, ad("701"), None, Some(Disabled)),
            (49, ad("775"), None, Some(Wrong)),
            (48, String::new(), None, Some(Wrong)),
            (53, "Account inactivated.".to_owned(), None, Some(Disabled)),
            (10, String::new(), None, None),
            (13, "confidentiality required".to_owned(), None, None),
            (32, String::new(), None, None),
            (80, String::new(), None, None),
        ] {
            let ctrls = control
                .map(|value| {
                    let raw =
                        RawControl { ctype: POLICY.to_owned(), crit: false, val: Some(value) };
                    Control(None, raw)
                })
                .into_iter()
                .collect();
            let (matched, refs) = (String::new(), Vec::new());
            let result = LdapResult { rc, matched, text, refs, ctrls };
            assert_eq!(meaning(&result), expected, "{result:?}");
        }
    }
}
