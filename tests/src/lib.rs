//! Black-box tests of the built server.
