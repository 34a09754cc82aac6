//! Status codes of an [`Outcome`](super::Outcome). A closed list: a code that the host does not know
//! counts as [`CODE_INTERNAL`].

/// It worked; `value` is what the function says.
pub const CODE_OK: i32 = 0;
/// No opinion: ask the next in the chain.
pub const CODE_NEXT: i32 = 1;
/// Refused; `message` is shown to people.
pub const CODE_DENIED: i32 = 2;
/// The password is right and has expired.
pub const CODE_EXPIRED: i32 = 3;
/// The account exists and may not log in.
pub const CODE_DISABLED: i32 = 4;
/// There is no such thing.
pub const CODE_NOT_FOUND: i32 = 5;
/// There is such a thing already.
pub const CODE_EXISTS: i32 = 6;
/// It is not in the state that the call takes for granted; of a file: it was changed from outside.
pub const CODE_CONFLICT: i32 = 7;
/// A condition of the call does not hold.
pub const CODE_PRECONDITION: i32 = 8;
/// It is locked.
pub const CODE_LOCKED: i32 = 9;
/// No space is left.
pub const CODE_QUOTA: i32 = 10;
/// It is larger than it may be.
pub const CODE_TOO_LARGE: i32 = 11;
/// The arguments make no sense.
pub const CODE_INVALID: i32 = 12;
/// It cannot be written to.
pub const CODE_READ_ONLY: i32 = 13;
/// The plugin does not do that.
pub const CODE_UNSUPPORTED: i32 = 14;
/// Too much at the moment: try again after `retry_after_ms`.
pub const CODE_BUSY: i32 = 15;
/// It took too long.
pub const CODE_TIMEOUT: i32 = 16;
/// The host gave up waiting.
pub const CODE_CANCELLED: i32 = 17;
/// What the plugin needs (a directory, a store) cannot be reached: 503 for the client.
pub const CODE_UNAVAILABLE: i32 = 18;
/// Anything else; `message` is for the log.
pub const CODE_INTERNAL: i32 = 19;
/// The answer of a hook that changes what is about to happen.
pub const CODE_REPLACE: i32 = 20;
