//! The OCS API: capabilities, users, provisioning.
