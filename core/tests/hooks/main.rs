//! Extensions have their say: a whole house, real requests over a socket, and hooks of the tests.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, which clippy cannot see")]

mod capabilities;
mod files;
mod honest;
mod house;
mod logins;
mod reference;
mod requests;
mod uploads;
