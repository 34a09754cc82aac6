//! Bytes: staging, publishing, reading, chunked uploads.
