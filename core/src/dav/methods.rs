//! Which methods each kind of place takes: the values of `Allow`.

/// Methods on existing files and folders.
pub(super) const ALLOW_FILES: &str = "OPTIONS, GET, HEAD, DELETE, PROPFIND, PUT, PROPPATCH, COPY, \
     MOVE, REPORT, SEARCH, LOCK, UNLOCK, PATCH";
/// Methods where nothing is.
pub(super) const ALLOW_NOTHING: &str = "OPTIONS, GET, HEAD, DELETE, PROPFIND, PUT, PROPPATCH, COPY, MOVE, \
     REPORT, SEARCH, LOCK, UNLOCK, MKCOL";
/// Methods on the collections above the files. COMPAT(android): it searches only if it reads
/// `SEARCH` in the `Allow` of `/remote.php/dav`.
pub(super) const ALLOW_VIRTUAL: &str = "OPTIONS, GET, HEAD, PROPFIND, REPORT, SEARCH";
/// Methods in the uploads.
pub(super) const ALLOW_UPLOADS: &str = "OPTIONS, GET, HEAD, DELETE, PROPFIND, PUT, MKCOL, MOVE";
