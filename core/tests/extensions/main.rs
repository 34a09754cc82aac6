//! Extension points of a whole house, with doubles and with the plugins of this repository.

mod feed;
