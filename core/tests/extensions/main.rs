//! Extension points of a whole house, with doubles and with the plugins of this repository.

mod events;
mod feed;
mod house;
mod previews;
mod routes;
