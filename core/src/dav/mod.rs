//! WebDAV (RFC 4918) as the apps speak it: one file a method.
