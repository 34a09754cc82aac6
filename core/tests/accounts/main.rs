//! Logging in, over the real index: `auth`, the login room and the web room as the door calls them.

mod auth;
mod changes;
mod flows;
mod hooks;
mod house;
mod pages;
mod provider;
mod refresh;
mod tokens;
mod users;
mod web;
