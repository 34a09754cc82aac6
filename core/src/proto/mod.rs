//! Codecs between bytes and types: WebDAV XML, OCS, header fields. No I/O, no clock.
