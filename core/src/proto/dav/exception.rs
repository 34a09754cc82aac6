//! Names of exceptions for refusals whose status somebody else has chosen.

use http::StatusCode;

/// The PHP class by which the apps tell causes apart, for a status.
pub fn exception_of(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => r"Sabre\DAV\Exception\BadRequest",
        StatusCode::UNAUTHORIZED => r"Sabre\DAV\Exception\NotAuthenticated",
        StatusCode::NOT_FOUND => r"Sabre\DAV\Exception\NotFound",
        StatusCode::METHOD_NOT_ALLOWED => r"Sabre\DAV\Exception\MethodNotAllowed",
        StatusCode::CONFLICT => r"Sabre\DAV\Exception\Conflict",
        StatusCode::PRECONDITION_FAILED => r"Sabre\DAV\Exception\PreconditionFailed",
        StatusCode::PAYLOAD_TOO_LARGE => r"OCA\DAV\Connector\Sabre\Exception\EntityTooLarge",
        // COMPAT(android): with a message that begins with "Virus" it says that there is one.
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            r"OCA\DAV\Connector\Sabre\Exception\UnsupportedMediaType"
        }
        StatusCode::LOCKED => r"Sabre\DAV\Exception\Locked",
        StatusCode::TOO_MANY_REQUESTS => r"OCA\DAV\Connector\Sabre\Exception\TooManyRequests",
        StatusCode::INSUFFICIENT_STORAGE => r"Sabre\DAV\Exception\InsufficientStorage",
        // COMPAT(desktop): sabre's own name for it stops the whole sync (clients.md §19).
        StatusCode::SERVICE_UNAVAILABLE => r"OCP\Files\StorageNotAvailableException",
        status if status.is_server_error() => r"Sabre\DAV\Exception",
        _ => r"Sabre\DAV\Exception\Forbidden",
    }
}
