//! [`Error`]s as codes of the border, and back.

use super::ask::Failure;
use super::token::Token;
use super::{
    CODE_BUSY, CODE_CANCELLED, CODE_INTERNAL, CODE_INVALID, CODE_NOT_FOUND, CODE_TIMEOUT,
    CODE_UNAVAILABLE, CODE_UNSUPPORTED,
};
use crate::error::{Code, Error};

/// Both sides of the list.
const CODES: [(Code, i32); 8] = [
    (Code::NotFound, CODE_NOT_FOUND),
    (Code::Invalid, CODE_INVALID),
    (Code::Unsupported, CODE_UNSUPPORTED),
    (Code::Busy, CODE_BUSY),
    (Code::Timeout, CODE_TIMEOUT),
    (Code::Cancelled, CODE_CANCELLED),
    (Code::Unavailable, CODE_UNAVAILABLE),
    (Code::Internal, CODE_INTERNAL),
];

/// Answers an [`Error`], as all younger extensions give it.
pub(crate) fn failed(error: &Error, token: Token) {
    let known = CODES.iter().find(|(kind, _)| *kind == error.code);
    let code = known.map_or(CODE_INTERNAL, |(_, code)| *code);
    token.later(code, &error.message, error.retry_after);
}

/// A failure as the traits of the younger extensions say it.
pub(crate) fn error(failure: Failure) -> Error {
    let known = CODES.iter().find(|(_, code)| *code == failure.code);
    let code = known.map_or(Code::Internal, |(kind, _)| *kind);
    Error { code, message: failure.message, retry_after: failure.retry_after }
}
